// The page in the frame of a diagram: it is told a text, draws it, and tells its height.

/* global mermaid */
const picture = document.getElementById("picture");

window.addEventListener("message", async ({ source, data }) => {
  if (source !== parent) return;
  mermaid.initialize({ startOnLoad: false, securityLevel: "strict", theme: data.dark ? "dark" : "default" });
  try {
    const { svg } = await mermaid.render("diagram", data.text);
    picture.innerHTML = svg;
  } catch (error) {
    picture.textContent = `${gettext("This diagram cannot be drawn.")} ${String(error.message ?? error).slice(0, 300)}`;
  }
  parent.postMessage({ height: document.documentElement.scrollHeight }, "*");
});
parent.postMessage({ ready: true }, "*");
