// Keeps a page up to date: asks for it again every two seconds while something on it goes on,
// else every five, and puts in what differs, so that what is open and selected stays. The
// server answers "not modified" in a few bytes while nothing happens. Without it a page about
// something that goes on reloads itself (noscript).
(function () {
  "use strict";
  var seen = parts(document), tag = "", failures = 0, last = Date.now(), timer, asking = false, more = false, part = location.search, later = null;
  // parts is what the server wrote, by which changes are noticed: people change
  // the page too, by opening things.
  function parts(doc) {
    var main = doc.getElementById("page");
    return main ? Array.prototype.map.call(main.children, function (c) { return c.outerHTML; }) : [];
  }
  function number(line) { return Number(line.id.slice(1)); }
  // grow puts the new lines of a log behind those that are there. Who reads its end goes on doing so; who has
  // scrolled up stays at what they read, and nothing is taken away there.
  function grow(old, fresh) {
    var tail = old.scrollHeight - old.scrollTop - old.clientHeight < 40, last = old.lastElementChild, line = fresh.firstElementChild;
    var jumped = part !== location.search;
    part = location.search;
    later = null;
    ["data-total", "data-error"].forEach(function (name) { old.setAttribute(name, fresh.getAttribute(name)); });
    if (!jumped && !tail && last && line && number(line) > number(last) + 1) { later = fresh; return; } // until its end is looked at
    if (jumped || !last || !line || number(line) > number(last) + 1 || number(line) < number(old.firstElementChild)) {
      fresh = document.importNode(fresh, true);
      var keys = document.activeElement === old;
      old.replaceWith(fresh);
      if (keys) { fresh.focus({ preventScroll: true }); }
      if (jumped) { fresh.setAttribute("data-new", ""); } // page.js finds a place to begin
      if (tail || !last) { fresh.scrollTop = fresh.scrollHeight; }
      return;
    }
    while (tail && number(old.firstElementChild) < number(line)) { old.firstElementChild.remove(); }
    for (; line; line = line.nextElementSibling) {
      if (number(line) < number(last)) { continue; }
      var copy = document.importNode(line, true);
      if (line.id === last.id) {
        if (last.textContent !== line.textContent) { last.replaceWith(copy); }
      } else {
        old.appendChild(copy);
      }
    }
    old.hidden = fresh.hidden;
    if (fresh.classList.contains("big")) { old.classList.add("big"); }
    if (tail) { old.scrollTop = old.scrollHeight; }
  }
  // details calls f with each of a part, and what tells it apart: its first line, and which of those that have it.
  function details(part, f) {
    var n = new Map();
    part.querySelectorAll("details").forEach(function (d) {
      var key = Array.prototype.map.call(d.firstElementChild.childNodes, function (c) {
        return c.nodeName === "TIME" ? c.getAttribute("datetime") : c.textContent;
      }).join("");
      n.set(key, (n.get(key) || 0) + 1);
      f(d, key + " " + n.get(key));
    });
  }
  // put puts a fresh part in the place of an old one. What people opened or closed in it stays so, and what the
  // keyboard was at, it is at again.
  function put(old, fresh) {
    var at = document.activeElement, i = old.contains(at) ? nodes(old).indexOf(at) : -1, all, same;
    fresh = document.importNode(fresh, true);
    var open = new Map();
    details(old, function (d, key) { open.set(key, d.open); });
    details(fresh, function (d, key) { if (open.has(key)) { d.open = open.get(key); } });
    old.replaceWith(fresh);
    if (i < 0) { return; }
    all = nodes(fresh);
    same = all.filter(function (n) { return n.getAttribute("href") === at.getAttribute("href") && (at.href || n.textContent === at.textContent); })[0] || all[i];
    if (same) { same.focus({ preventScroll: true }); }
  }
  function nodes(part) { return Array.prototype.slice.call(part.querySelectorAll("a, button, input, summary")); }
  function swap(fresh) {
    var main = document.getElementById("page"), next = fresh.getElementById("page");
    if (!main || !next) { return; }
    var olds = main.children, news = next.children, now = parts(fresh);
    if (olds.length !== news.length) {
      put(main, next);
    } else {
      for (var i = 0; i < news.length; i++) {
        if (seen[i] === now[i]) { continue; }
        if (olds[i].classList.contains("log")) { grow(olds[i], news[i]); } else { put(olds[i], news[i]); }
      }
      main.setAttribute("data-live", next.getAttribute("data-live"));
    }
    seen = now;
    document.title = fresh.title;
    var icon = document.querySelector("link[rel=icon]"), mark = fresh.querySelector("link[rel=icon]");
    if (icon && mark && icon.getAttribute("href") !== mark.getAttribute("href")) { icon.setAttribute("href", mark.getAttribute("href")); }
    document.dispatchEvent(new Event("page"));
  }
  // stale says since when nothing was heard of the server: a page must not look alive that is not.
  function stale() {
    var at = document.getElementById("stale");
    if (!at) { return; }
    at.hidden = failures < 2;
    if (failures >= 2) { at.textContent = "Not up to date since " + new Date(last).toLocaleTimeString() + ": the server does not answer. Trying again."; }
  }
  function again() {
    clearTimeout(timer);
    var main = document.getElementById("page");
    if (!main || !main.hasAttribute("data-live") || document.hidden) { return; }
    if (asking) { more = true; return; }
    asking = true; more = false;
    var from = location.search;
    var headers = { Accept: "text/html" };
    if (tag) { headers["If-None-Match"] = tag; }
    fetch(location.pathname + location.search, { headers: headers, credentials: "same-origin", cache: "no-store" })
      .then(function (r) {
        if (r.status === 304) { return null; }
        if (!r.ok || r.redirected) { throw new Error(String(r.status)); }
        tag = r.headers.get("ETag") || "";
        return r.text();
      })
      .then(function (t) {
        failures = 0; last = Date.now();
        if (t !== null && from === location.search) { swap(new DOMParser().parseFromString(t, "text/html")); }
      })
      .catch(function () { failures++; })
      .then(function () {
        asking = false;
        stale();
        var page = document.getElementById("page"), wait = Number(page && page.getAttribute("data-live")) || 5;
        timer = setTimeout(again, more ? 0 : Math.min(wait * 1000 * Math.pow(2, Math.min(failures, 3)), 20000));
      });
  }
  document.addEventListener("again", again);
  document.addEventListener("scroll", function (e) {
    if (!later || e.target.nodeName !== "PRE" || !e.target.classList.contains("log")) { return; }
    grow(e.target, later);
    if (!later) { document.dispatchEvent(new Event("page")); }
  }, true);
  document.addEventListener("visibilitychange", function () { if (!document.hidden) { again(); } });
  timer = setTimeout(again, 2000);
})();
