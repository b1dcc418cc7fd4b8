"""What models write, shown: Markdown, code, formulas, diagrams; in a real browser, and never as markup."""

from __future__ import annotations

import itertools
import random

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import PHONE, sign_in
from tests.browser.test_playground import STORY, ask, finished
from tests.live_site import LiveSite, Person

RICH = r"""### Planets

Some _italic_, **bold**, ~~gone~~, https://example.org/a(b) and [x](https://example.org/c(d)).
It costs $5 or $10; $a^2$ and \(\sqrt{2}\).

| Planet | Moons |
|:--|--:|
| Earth<br>(ours) | 1 |

1. First
   - nested

     ```python
     def f(x):
         return x  # %s
     ```
2. Second

- [x] done
- [ ] open

$$
\frac{1}{2}
$$

```mermaid
graph TD; A-->B;
```

![A picture](https://example.org/p.png) \*no emphasis\* $\nonsense{$
""".replace("%s", "wide " * 60)

HOSTILE = [
    "<img src=x onerror=alert(1)>",
    "<script>alert(1)</script>",
    "<svg/onload=alert(1)>",
    "[a](javascript:alert(1))",
    "[a](&#106;avascript:alert(1))",
    "<javascript:alert(1)>",
    "[a](data:text/html;base64,PHNjcmlwdD4=)",
    "![a](javascript:alert(1))",
    '![a](https://evil.example/?q="onerror="alert(1))',
    "[a]: javascript:alert(1)\n\n[a]",
    '```"><img src=x onerror=alert(1)>\ncode\n```',
    '```mermaid\ngraph TD; A["<img src=x onerror=alert(1)>"]-->B;\n```',
    "$\\href{javascript:alert(1)}{x}$ $\\htmlStyle{color:red}{y}$ $\\includegraphics{https://evil.example/x}$",
    "$$\\def\\a{\\a\\a}\\a$$",
    "<sub onclick=alert(1)>a</sub> </sub></div></article><br onload=alert(1)>",
    "| a |\n|--|\n| <style>*{display:none}</style> |",
    "<a href='javascript:alert(1)'>a</a> <form action=/x><button>b</button></form>",
    "\u202e[a](https://evil.example)\u0000 &lt;b&gt;",
]

SHOW = """async ([pieces, kind]) => {
  const { LiveText } = await import("/static/playground/live_text.js");
  const place = document.createElement("div");
  document.body.append(place);
  const live = new LiveText(place, kind);
  let text = "";
  for (const piece of pieces) live.show((text += piece));
  live.show(text, { ended: true });
  await new Promise((done) => setTimeout(done, 0));
  // A parser of HTML refuses the styles that KaTeX sets by script.
  for (const formula of place.querySelectorAll(".katex")) {
    formula.replaceWith(`formula ${formula.querySelector("annotation").textContent}`);
  }
  const html = place.innerHTML;
  place.remove();
  return html;
}"""


async def shown(page: Page, *pieces: str, kind: str = "answer") -> str:
    """The HTML that a text comes to, which arrived in pieces."""
    html: str = await page.evaluate(SHOW, [list(pieces), kind])
    return html


async def katex_has_come(page: Page) -> None:
    await page.evaluate(
        """async () => {
          const { showMath } = await import("/static/playground/math.js");
          const place = document.createElement("p");
          place.innerHTML = '<span class="math">$x$</span>';
          document.body.append(place);
          showMath(place);
          const shown = (done) => {
            if (place.querySelector(".katex")) done();
            else setTimeout(shown, 20, done);
          };
          await new Promise(shown);
          place.remove();
        }"""
    )


async def test_everything_that_models_write_is_rendered(
    page: Page, site: LiveSite, person: Person
) -> None:
    site.simulator.fault(match="night train", call="chat", text=RICH)
    await sign_in(page, person.user.username)
    bubble = (await finished(await ask(page, STORY))).locator(".bubble")

    await expect(bubble.get_by_role("heading", name="Planets")).to_have_count(1)
    for selector in ("em", "strong", "s", "td br"):
        await expect(bubble.locator(selector)).to_have_count(1)
    links = bubble.get_by_role("link")
    assert [await link.get_attribute("href") for link in await links.all()] == [
        "https://example.org/a(b)",
        "https://example.org/c(d)",
        "https://example.org/p.png",
    ]
    await expect(bubble.locator("td.right")).to_have_text("1")
    await expect(bubble.locator("ol > li > ul > li > .code")).to_have_count(1)
    await expect(bubble.locator(".code").first.locator(".hljs-keyword")).to_have_text(
        ["def", "return"]
    )
    await expect(bubble.locator(".code-head").first).to_contain_text("python")
    boxes = bubble.get_by_role("checkbox")
    assert [await box.is_checked() for box in await boxes.all()] == [True, False]
    await expect(bubble.locator(".math .katex")).to_have_count(3)
    await expect(bubble).to_contain_text("It costs $5 or $10;")
    await expect(bubble).to_contain_text("*no emphasis* $\\nonsense{$")


async def test_emphasis_needs_no_spaces_in_chinese_japanese_and_korean(
    page: Page, site: LiveSite, person: Person
) -> None:
    await sign_in(page, person.user.username)
    texts = {
        "**「強調」**です。": "「強調」",
        "**“注意”**请先保存": "“注意”",
        "他说**“你好”**然后走了": "“你好”",
        "**한국어(韓國語)**를": "한국어(韓國語)",
    }
    for text, strong in texts.items():
        assert f"<strong>{strong}</strong>" in await shown(page, text)
    assert "<strong>" not in await shown(page, "a ** b** and 2**「3 ** 4")


async def test_code_is_copied(page: Page, site: LiveSite, person: Person) -> None:
    site.simulator.fault(match="night train", call="chat", text="```js\nlet a = 1;\n```\n\nAfter.")
    await page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await sign_in(page, person.user.username)
    card = await finished(await ask(page, STORY))
    await card.locator(".code").get_by_role("button", name="Copy").click()
    await expect(card.locator(".code").get_by_role("button", name="Copied")).to_be_visible()
    assert await page.evaluate("navigator.clipboard.readText()") == "let a = 1;\n"

    await card.locator(".after").get_by_role("button", name="Copy").click()
    await expect(card.locator(".after").get_by_role("button", name="Copied")).to_be_visible()
    assert await page.evaluate("navigator.clipboard.readText()") == (
        "```js\nlet a = 1;\n```\n\nAfter."
    )


async def test_a_diagram_is_drawn_on_demand_in_a_frame_without_rights(
    page: Page, site: LiveSite, person: Person
) -> None:
    loaded: list[str] = []
    page.on("request", lambda request: loaded.append(request.url))
    text = '```mermaid\ngraph TD; A["<img src=x onerror=alert(1)> Start"]-->B[End];\n```'
    site.simulator.fault(match="night train", call="chat", text=text)
    await sign_in(page, person.user.username)
    card = await finished(await ask(page, STORY))
    assert not [url for url in loaded if "mermaid" in url]

    await card.get_by_role("button", name="Show the diagram").click()
    frame = page.frame_locator("iframe.diagram")
    await expect(frame.locator("svg")).to_be_visible()
    await expect(frame.locator("svg")).to_contain_text("Start")
    await expect(frame.locator("[onerror]")).to_have_count(0)
    assert await card.locator("iframe").get_attribute("sandbox") == "allow-scripts"


async def test_hostile_text_stays_harmless(page: Page) -> None:
    await page.goto("/")
    await katex_has_come(page)
    await page.evaluate("void (window.alert = () => { document.title = 'broken'; })")
    for text, kind in itertools.product(HOSTILE, ("answer", "prompt")):
        cut = len(text) // 2
        html = await shown(page, text[:cut], text[cut:], kind=kind)
        allowed = (
            "br|h3|strong|em|s|sub|code|pre|a|ol|ul|li|table|thead|tbody|tr|th|td|p|div|span|button"
        )
        faults = await page.evaluate(
            """([html, allowed]) => {
              const page = new DOMParser().parseFromString(html, "text/html");
              const names = new RegExp(`^(${allowed})$`);
              const address = /^(https?:|mailto:)/;
              return [...page.body.querySelectorAll("*")].flatMap((element) => [
                ...(names.test(element.localName) ? [] : [element.localName]),
                ...element.getAttributeNames().filter((name) => /^on|^style|^src/.test(name)),
                ...(element.hasAttribute("href") && !address.test(element.getAttribute("href"))
                  ? [element.getAttribute("href")] : []),
              ]);
            }""",
            [html, allowed],
        )
        assert faults == [], text
    assert await page.title() != "broken"


async def test_a_text_in_pieces_comes_to_the_same_as_the_whole(page: Page) -> None:
    await page.goto("/")
    text = f"{RICH}\n\n1. a\n\n2. b\n\n- c\n\n- d\n\nTitle\n=====\n\r\n[r] and\r\n\r\n[r]: https://example.org/\n"
    await katex_has_come(page)
    whole = await shown(page, text)
    assert 'href="https://example.org/"' in whole
    for seed in range(3):
        chance = random.Random(seed)
        cuts = sorted(chance.sample(range(len(text)), 80))
        pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
        assert await shown(page, *pieces) == whole


async def test_only_the_last_blocks_are_made_anew(page: Page) -> None:
    """Of 300 paragraphs in 3,000 pieces each node is made once, and the work per piece does not grow."""
    await page.goto("/")
    kept, made = await page.evaluate(
        """async () => {
          const { LiveText } = await import("/static/playground/live_text.js");
          const place = document.createElement("div");
          document.body.append(place);
          let made = 0;
          const observer = new MutationObserver((changes) => {
            for (const change of changes) made += change.addedNodes.length;
          });
          observer.observe(place, { childList: true, subtree: true });
          const live = new LiveText(place, "answer");
          let text = "";
          let first;
          for (let at = 0; at < 3000; at += 1) {
            text += at % 10 === 9 ? "end.\\n\\n" : "some words ";
            live.show(text);
            first ??= place.firstElementChild;
          }
          live.show(text, { ended: true });
          await Promise.resolve();
          made += observer.takeRecords().reduce((sum, change) => sum + change.addedNodes.length, 0);
          return [place.firstElementChild === first && place.children.length, made];
        }"""
    )
    assert kept == 300
    assert made <= 310


@pytest.mark.parametrize("size", [PHONE])
async def test_wide_code_scrolls_visibly_on_a_phone(
    page: Page, site: LiveSite, person: Person
) -> None:
    site.simulator.fault(match="night train", call="chat", text=RICH)
    await sign_in(page, person.user.username)
    card = await finished(await ask(page, STORY))
    assert await page.evaluate("document.getElementById('thread').scrollWidth") == PHONE["width"]
    pre = card.locator(".code pre").first
    assert await pre.evaluate("pre => pre.scrollWidth > pre.clientWidth")
    # The shadow at the edge is painted as a background that stays while the code moves.
    assert "local" in await pre.evaluate("pre => getComputedStyle(pre).backgroundAttachment")
