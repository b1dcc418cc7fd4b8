"""An administrator sets two-factor authentication up and signs in with it, by keyboard, in a browser."""

from __future__ import annotations

from base64 import b32decode

from django_otp.oath import TOTP
from django_otp.plugins.otp_totp.models import TOTPDevice
from playwright.async_api import Page, expect

from tests.browser.test_accessibility import AXE
from tests.browser.test_admin import sign_in


async def faults(page: Page, name: str) -> list[str]:
    """What axe finds in our part of the page."""
    await page.evaluate(AXE)
    told: list[str] = await page.evaluate(
        "async () => (await axe.run('.assistant-step')).violations.map(each => `${each.id}: ${each.nodes[0].html}`)"
    )
    return [f"{name}: {each}" for each in told]


async def test_a_code_of_the_app_opens_the_admin(page: Page, administrator: str) -> None:
    await sign_in(page, administrator)
    await expect(page.locator("a[href='/admin/two-factor/']")).not_to_have_count(0)
    await page.goto("/admin/two-factor/")
    picture = page.get_by_role("img", name="QR code of the key below")
    assert await picture.evaluate("image => image.complete && image.naturalWidth > 100")
    found = await faults(page, "set up")
    key = b32decode((await page.locator("#key").inner_text()).replace(" ", ""))
    await page.get_by_label("Code").focus()
    await page.keyboard.type(f"{TOTP(key).token():06}")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("list", name="Recovery codes").get_by_role("listitem")).to_have_count(10)  # fmt: skip
    found += await faults(page, "recovery codes")
    await page.get_by_role("button", name="Log out").click()

    # The same half minute: its code would be refused as used.
    await TOTPDevice.objects.filter(user__username=administrator).aupdate(last_t=-1)
    await sign_in(page, administrator)
    await expect(page.get_by_text("Enter the code of your authenticator app")).to_be_visible()
    found += await faults(page, "code")
    await page.get_by_label("Code").focus()
    await page.keyboard.type("000000")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("alert")).to_contain_text("not right")
    await TOTPDevice.objects.filter(user__username=administrator).aupdate(
        throttling_failure_count=0
    )
    await page.get_by_label("Code").focus()
    await page.keyboard.type(f"{TOTP(key).token():06}")
    await page.keyboard.press("Enter")
    await expect(page).to_have_title("Start | Assistant Core")
    assert found == []
