// What a page does for its reader: times in the reader's zone, with how long ago they are; and in a log
// search, links to lines, and a place to begin. live.js tells of new parts by the event "page".
(function () {
  "use strict";
  function two(n) { return (n < 10 ? "0" : "") + n; }

  // Times. The server writes them in UTC: whole, without seconds, or only the time of the day.
  var relative = window.Intl && Intl.RelativeTimeFormat ? new Intl.RelativeTimeFormat("en", { numeric: "auto" }) : null;
  function ago(ms) {
    var s = Math.round(ms / 1000), a = Math.abs(s);
    if (!relative) { return ""; }
    if (a < 10) { return "just now"; }
    if (a < 60) { return relative.format(s, "second"); }
    if (a < 3600) { return relative.format(Math.trunc(s / 60), "minute"); }
    if (a < 86400) { return relative.format(Math.trunc(s / 3600), "hour"); }
    return relative.format(Math.trunc(s / 86400), "day");
  }
  function times() {
    document.querySelectorAll("time[datetime]").forEach(function (t) {
      var at = new Date(t.getAttribute("datetime"));
      if (isNaN(at)) { return; }
      var form = t.getAttribute("data-form");
      if (!form) {
        form = /^\d\d:/.test(t.textContent) ? "clock" : /:\d\d:/.test(t.textContent) ? "second" : "minute";
        t.setAttribute("data-form", form);
        t.setAttribute("title", at.toISOString().replace("T", " ").replace(/\.\d+Z/, " UTC"));
        t.textContent = (form === "clock" ? "" : at.getFullYear() + "-" + two(at.getMonth() + 1) + "-" + two(at.getDate()) + " ") +
          two(at.getHours()) + ":" + two(at.getMinutes()) + (form === "minute" ? "" : ":" + two(at.getSeconds()));
        if (form !== "clock") {
          t.appendChild(document.createElement("span")).className = "ago";
        }
      }
      if (t.lastElementChild) {
        var text = " (" + ago(at - Date.now()) + ")";
        if (t.lastElementChild.textContent !== text) { t.lastElementChild.textContent = text; }
      }
    });
    var zone = document.getElementById("zone");
    if (zone && !zone.title && window.Intl) {
      zone.title = "The server writes them in UTC.";
      zone.textContent = "times are in your time zone, " + Intl.DateTimeFormat().resolvedOptions().timeZone;
    }
  }

  // The log. Its address names one line, #L120, or several, #L120-L140.
  function log() { return document.querySelector("pre.log:not([hidden])"); }
  function number(line) { return Number(line.id.slice(1)); }
  function end(line) { return Number(line.getAttribute("data-end")) || number(line); }
  function asked() {
    var m = /^#L(\d{1,9})(?:-L?(\d{1,9}))?$/.exec(location.hash);
    if (!m) { return null; }
    var a = Number(m[1]), b = Number(m[2] || m[1]);
    return [Math.min(a, b), Math.max(a, b)];
  }
  function address(from, to, around) {
    var query = new URLSearchParams(location.search);
    if (around) { query.set("line", from); }
    query = query.toString();
    return location.pathname + (query ? "?" + query : "") + "#L" + from + (to > from ? "-L" + to : "");
  }
  var shown = "", part = location.search; // the lines that were scrolled to, and the part of the log that was asked for
  // mark lights the lines that the address names, and the first of them is scrolled into view once. Where
  // the page has another part of the log, the server is asked for theirs.
  function mark(again) {
    var pre = log(), want = asked(), first = null;
    if (!pre) { return; }
    pre.classList.add("js");
    Array.prototype.forEach.call(pre.children, function (line) {
      var at = !!want && number(line) <= want[1] && end(line) >= want[0];
      if (at !== line.classList.contains("at")) { line.classList.toggle("at", at); }
      first = first || (at ? line : null);
    });
    if (!want || (shown === location.hash && !again)) { return; }
    if (first) {
      shown = location.hash;
      first.scrollIntoView({ block: "center" });
    } else if (want[0] <= Number(pre.getAttribute("data-total"))) {
      history.replaceState(null, "", address(want[0], want[1], true));
      part = location.search;
      document.dispatchEvent(new Event("again"));
    } // a line that is yet to come is waited for
  }
  function go(from, to) {
    history.replaceState(null, "", address(from, to, false));
  }
  document.addEventListener("click", function (e) {
    var link = e.target.closest ? e.target.closest("pre.log a") : null, before = asked();
    if (!link || e.ctrlKey || e.metaKey) { return; }
    e.preventDefault();
    var n = number(link.parentNode);
    if (e.shiftKey && before) {
      getSelection().removeAllRanges();
      go(Math.min(before[0], n), Math.max(before[1], n));
    } else {
      go(n, n);
    }
    shown = location.hash;
    mark(false);
  });
  // The way back may lead to another part of the log, too.
  addEventListener("popstate", function () {
    if (part !== location.search) {
      part = location.search;
      document.dispatchEvent(new Event("again"));
    }
    mark(true);
  });

  // Search. The text of the whole log is read once it is needed, and again when the log has grown. It stays
  // here: what people look for is sent nowhere.
  var find = document.getElementById("find"), text = find && find.querySelector("input"), says = find && find.querySelector("output");
  var lines = [], numbers = [], taken = 0, have = -1, query = "", hits = [], at = -1, timer;
  // take reads a text bit by bit, so that the page goes on meanwhile.
  function take(raw, then) {
    var gap = /^\[\.\.\. \d{1,15} bytes in ([1-9]\d{0,8}) lines? of this log were discarded here: /, n = 0, after = false, cut = false, from = 0, mine = ++taken;
    lines = [];
    numbers = [];
    function some() {
      if (mine !== taken) { return; }
      var to = raw.indexOf("\n", from + (1 << 19));
      to = to < 0 ? raw.length : to;
      raw.slice(from, to).split("\n").forEach(function (line) {
        var m = !cut && line.charCodeAt(0) === 91 ? gap.exec(line) : null; // as the page: of the line as it is, and once
        cut = cut || !!m;
        line = line.replace(/\x1b\[[0-9;]*m/g, "").toLowerCase();
        if (m) {
          n += Number(m[1]) - (lines.length > 0 && lines[lines.length - 1] === "" ? 1 : 0);
        } else if (!after || line !== "") {
          n++;
        }
        after = !!m;
        lines.push(line);
        numbers.push(n);
      });
      from = to + 1;
      if (from < raw.length) {
        setTimeout(some, 0);
        return;
      }
      if (lines[lines.length - 1] === "") { // what follows the last line's end is none yet
        lines.pop();
        numbers.pop();
      }
      then();
    }
    some();
  }
  function search() {
    query = text.value.toLowerCase();
    hits = [];
    at = -1;
    for (var i = 0; query && i < lines.length; i++) {
      if (lines[i].indexOf(query) >= 0) { hits.push(numbers[i]); }
    }
    light();
  }
  // grown adds what is found in the lines that have come since the log was read, as far as they are shown.
  function grown() {
    var newest = numbers[numbers.length - 1] || 0;
    hits = hits.filter(function (n) { return n <= newest; });
    Array.prototype.forEach.call(log().children, function (line) {
      var said = line.textContent.slice(line.firstChild.textContent.length).toLowerCase();
      if (number(line) > newest && said.indexOf(query) >= 0) { hits.push(number(line)); }
    });
  }
  // light lights what was found in the part of the log that is shown, and says how much there is.
  function light() {
    var pre = log(), found = new Set(hits), ranges = [];
    if (!pre || !find) { return; }
    Array.prototype.forEach.call(pre.children, function (line) {
      var hit = found.has(number(line));
      if (hit !== line.classList.contains("hit")) { line.classList.toggle("hit", hit); }
      if (!hit || !window.Highlight) { return; }
      for (var walk = document.createTreeWalker(line, NodeFilter.SHOW_TEXT), node = walk.nextNode(); node; node = walk.nextNode()) {
        var lower = node.data.toLowerCase(), i = node.parentNode.nodeName === "A" || lower.length !== node.data.length ? -1 : lower.indexOf(query);
        for (; i >= 0; i = lower.indexOf(query, i + query.length)) {
          var r = new Range();
          r.setStart(node, i);
          r.setEnd(node, i + query.length);
          ranges.push(r);
        }
      }
    });
    if (window.Highlight) { CSS.highlights.set("found", new Highlight(...ranges)); }
    says.textContent = !query ? "" : !hits.length ? "not found" : at < 0 ? hits.length.toLocaleString("en") + (hits.length === 1 ? " line" : " lines") : (at + 1).toLocaleString("en") + " of " + hits.length.toLocaleString("en");
  }
  function ready(then) {
    var pre = log(), total = pre ? Number(pre.getAttribute("data-total")) : 0;
    if (have === total) { then(); return; }
    fetch(find.getAttribute("data-log"), { credentials: "same-origin" })
      .then(function (r) { if (!r.ok) { throw new Error(String(r.status)); } return r.text(); })
      .then(function (raw) { take(raw, function () { have = total; search(); then(); }); })
      .catch(function () { says.textContent = "the log could not be read"; });
  }
  function typed() {
    clearTimeout(timer);
    timer = setTimeout(function () { if (text.value) { ready(search); } else { search(); } }, 120);
  }
  // step goes to the next line that was found, first to the one after the line that the address names.
  function step(by) {
    ready(function () {
      if (text.value.toLowerCase() !== query) { search(); }
      if (!hits.length) { return; }
      if (at < 0) {
        var from = asked() ? asked()[0] : 0;
        at = hits.findIndex(function (n) { return n > from; });
        if (by < 0) { at = (at < 0 ? hits.length : at) - 1; }
        at = (Math.max(at, by < 0 ? -1 : 0) + hits.length) % hits.length;
      } else {
        at = (at + by + hits.length) % hits.length;
      }
      go(hits[at], hits[at]);
      mark(true);
      light();
    });
  }
  if (find) {
    find.hidden = !log();
    text.addEventListener("input", typed);
    text.addEventListener("keydown", function (e) {
      if (e.key === "Enter") {
        e.preventDefault();
        step(e.shiftKey ? -1 : 1);
      } else if (e.key === "Escape") {
        e.preventDefault();
        text.value = "";
        search();
        log().focus({ preventScroll: true });
      }
    });
    find.querySelectorAll("button").forEach(function (b, i) { b.addEventListener("click", function () { step(i ? 1 : -1); }); });
    document.addEventListener("keydown", function (e) {
      var busy = /^(INPUT|TEXTAREA|SELECT)$/.test(e.target.nodeName);
      if (e.key !== "/" || busy || find.hidden || e.ctrlKey || e.metaKey || e.altKey) { return; }
      e.preventDefault();
      text.focus();
      text.select();
    });
  }
  // A log begins where its reader wants to be: at the line of the address, at the error, or at its end.
  function begin() {
    var pre = log(), error = pre && document.getElementById("L" + pre.getAttribute("data-error"));
    if (!pre) { return; }
    if (!asked()) { pre.scrollTop = error ? Math.max(error.offsetTop - pre.offsetTop - 60, 0) : pre.scrollHeight; }
    mark(true);
  }
  document.addEventListener("page", function () {
    times();
    var pre = log(), first = find && find.hidden && pre;
    if (first) { find.hidden = false; }
    if (first || pre && pre.hasAttribute("data-new")) {
      pre.removeAttribute("data-new");
      begin();
    }
    mark(false);
    if (query && pre) {
      grown();
      light();
    }
  });
  setInterval(times, 15000);
  times();
  begin();
})();
