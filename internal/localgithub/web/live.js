// Shows what happened without a click: asks every two seconds whether the page would look different, and loads it
// again unless somebody is writing.
(function () {
  const main = document.querySelector("main[data-poll]");
  if (!main || location.pathname.endsWith("/files")) return;
  const box = document.querySelector("textarea");
  async function look() {
    try {
      const res = await fetch(main.dataset.poll, { cache: "no-store" });
      if (res.ok && (await res.text()) !== main.dataset.version && !(box && (box.value || document.activeElement === box))) {
        location.reload();
        return;
      }
    } catch (e) {
      // the server is gone or starting again: look again later
    }
    setTimeout(look, 2000);
  }
  setTimeout(look, 2000);
})();
