"""Charts are drawn, tell their numbers under the pointer, and follow the theme."""

from __future__ import annotations

from playwright.async_api import Page, expect

from tests.browser.test_admin import sign_in
from tests.live_site import Person

PAINTED = """canvas => {
  const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
  return data.some((value, at) => at % 4 === 3 && value > 0);
}"""


async def test_charts_are_drawn_and_told(page: Page, person: Person, administrator: str) -> None:
    person.ask("Write a Python function that merges two sorted lists.")
    person.ask("Write a Python function that merges two sorted lists.")
    await sign_in(page, administrator)
    await page.goto("/admin/conversations/modelperformance/charts/?days=7")

    for name in ("prompts", "cost", "flow"):
        canvas = page.locator(f"canvas[data-chart=chart-{name}-data]")
        await canvas.scroll_into_view_if_needed()
        assert await canvas.evaluate(PAINTED), name

    prompts = page.locator("canvas[data-chart=chart-prompts-data]")
    place = await prompts.bounding_box()
    assert place
    await prompts.hover(position={"x": place["width"] - 40, "y": place["height"] / 2})
    told = "canvas => Chart.getChart(canvas).tooltip.body.flatMap(part => part.lines).join()"
    assert "New answers: " in await prompts.evaluate(told)

    ink = "canvas => Chart.getChart(canvas).options.scales.x.ticks.color"
    before = await prompts.evaluate(ink)
    await page.evaluate("document.documentElement.classList.toggle('dark')")
    await page.wait_for_function("(before) => Chart.getChart(document.querySelector('canvas[data-chart=chart-prompts-data]')).options.scales.x.ticks.color !== before", arg=before)  # fmt: skip

    section = page.get_by_role("region", name="Prompts per day", exact=True)
    await section.get_by_text("As a table").click()
    await expect(section.get_by_role("columnheader", name="New answers")).to_be_visible()
    async with page.expect_download() as download:
        await section.get_by_role("link", name="CSV").click()
    assert (await download.value).suggested_filename.startswith("prompts-")


async def test_the_period_is_chosen_in_the_page(page: Page, administrator: str) -> None:
    await sign_in(page, administrator)
    await page.goto("/admin/conversations/modelperformance/charts/")
    await page.get_by_role("link", name="7 days").click()
    await expect(page).to_have_url("/admin/conversations/modelperformance/charts/?days=7")
    await page.get_by_role("textbox", name="From").fill("2026-01-01")
    await page.get_by_role("textbox", name="to", exact=True).fill("2026-01-31")
    await page.get_by_role("button", name="Show").click()
    await expect(page.get_by_text("1 Jan 2026 to 31 Jan 2026 (UTC)")).to_be_visible()
    await expect(page.get_by_text("Nothing in this period.").first).to_be_visible()
