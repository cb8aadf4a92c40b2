// Keeps a page that is still going on up to date: reads it again every two
// seconds and puts in what differs, so that what is open and selected stays.
// Without it the page reloads itself (noscript).
(function () {
  "use strict";
  var wait = 2000, seen = parts(document);
  // parts is what the server wrote, by which changes are noticed: people change
  // the page too, by opening things.
  function parts(doc) {
    var main = doc.getElementById("page");
    return main ? Array.prototype.map.call(main.children, function (c) { return c.outerHTML; }) : [];
  }
  function follow(log) { return log && log.scrollHeight - log.scrollTop - log.clientHeight < 40; }
  function swap(fresh) {
    var main = document.getElementById("page"), next = fresh.getElementById("page");
    if (!main || !next) { return; }
    var olds = main.children, news = next.children, now = parts(fresh);
    if (olds.length !== news.length) {
      main.replaceWith(document.adoptNode(next));
    } else {
      for (var i = 0; i < news.length; i++) {
        if (seen[i] === now[i]) { continue; }
        var tail = follow(olds[i].querySelector(".log"));
        olds[i].replaceWith(document.importNode(news[i], true));
        var log = main.children[i].querySelector(".log");
        if (tail && log) { log.scrollTop = log.scrollHeight; }
      }
      if (!next.hasAttribute("data-live")) { main.removeAttribute("data-live"); }
    }
    seen = now;
    document.title = fresh.title;
  }
  function again() {
    var main = document.getElementById("page");
    if (!main || !main.hasAttribute("data-live")) { return; }
    if (document.hidden) { setTimeout(again, wait); return; }
    fetch(location.href, { headers: { Accept: "text/html" }, credentials: "same-origin" })
      .then(function (r) { if (!r.ok) { throw new Error(String(r.status)); } return r.text(); })
      .then(function (t) { wait = 2000; swap(new DOMParser().parseFromString(t, "text/html")); })
      .catch(function () { wait = Math.min(wait * 2, 30000); })
      .then(function () { setTimeout(again, wait); });
  }
  var log = document.querySelector(".log");
  if (log) { log.scrollTop = log.scrollHeight; }
  setTimeout(again, wait);
})();
