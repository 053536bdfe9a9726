// Nothing typed is lost, and nobody is signed out by surprise. Without script forms still keep what is sent too late.
(function () {
  "use strict";
  var root = document.documentElement, base = root.dataset.root || "/";
  function all(what) { return Array.from(document.querySelectorAll(what)); }

  // A draft is kept on the server a few seconds after the last key. Only typing sends anything: an idle page is silent.
  all("form[data-autosave]").forEach(function (form) {
    var timer = 0, going = null, changed = false;
    var bar = document.querySelector("[data-saved]");
    function say(words) {
      if (!bar) { return; }
      var text = bar.querySelector("span") || bar.appendChild(document.createElement("span"));
      if (text.textContent !== words) { text.textContent = words; }
    }
    function save(leaving) {
      clearTimeout(timer);
      if (!changed || form.dataset.sent) { return; }
      changed = false;
      var data = new FormData(form);
      all("input[type=password], input[type=file]").forEach(function (x) { data.delete(x.name); });
      data.set("do", "autosave");
      going = new AbortController();
      fetch(form.getAttribute("action") || location.href, {method: "POST", body: new URLSearchParams(data), keepalive: leaving, redirect: "manual", signal: going.signal})
        .then(function (answer) {
          if (answer.status === 204) { seen(); say("Draft saved at " + new Date().toTimeString().slice(0, 5) + "."); return; }
          failed();
          if (answer.status === 409) { answer.text().then(say); }
        }, failed);
    }
    function failed() { if (!form.dataset.sent) { changed = true; say("Draft not saved. Check the connection."); } }
    form.addEventListener("input", function () { changed = true; clearTimeout(timer); timer = setTimeout(save, 3000, false); });
    form.addEventListener("submit", function () { clearTimeout(timer); if (going) { going.abort(); } });
    document.addEventListener("visibilitychange", function () { if (document.hidden) { save(true); } });
    window.addEventListener("pagehide", function () { save(true); });
  });

  // Two minutes before the automatic sign-out the page asks. It counts from the last page of any tab; asking the server
  // by itself would keep the session open for ever, so only the answer of a person does.
  var idle = Number(root.dataset.idle) * 1000, box = document.querySelector("[data-idle-dialog]"), WARN = 120000;
  function seen() { try { localStorage.setItem("seen", String(Date.now())); } catch (_private) { last = Date.now(); } last = Date.now(); }
  var last = Date.now(), back = null, left_at = 0;
  if (!idle || !box || !box.showModal) { return; }
  seen();
  function left() {
    var other = 0;
    try { other = Number(localStorage.getItem("seen")) || 0; } catch (_private) { other = 0; }
    return Math.max(last, Math.min(other, Date.now())) + idle - Date.now();
  }
  function words(ms) {
    var s = Math.max(0, Math.ceil(ms / 1000));
    return s > 90 ? "2 minutes" : s > 60 ? "1 minute " + (s - 60) + " seconds" : s + (s === 1 ? " second" : " seconds");
  }
  function close() { if (box.open) { box.close(); } if (back && back.focus) { back.focus(); } back = null; }
  function leave() { // a slow answer is waited for: asked again each second, it would never come
    if (Date.now() - left_at < 10000) { return; }
    left_at = Date.now();
    root.dataset.gone = "1";
    location.reload();
  }
  function tick() {
    var ms = left(), said = box.querySelector("[data-idle-said]");
    if (ms > WARN) { close(); return; }
    if (ms <= -1000) { leave(); return; }
    if (!box.open) { back = document.activeElement; box.showModal(); box.querySelector("[data-idle-stay]").focus(); }
    box.querySelector("[data-idle-left]").textContent = words(ms);
    if (ms <= 60000 && !said.textContent) { said.textContent = "One minute left before you are signed out."; }
  }
  function stay() {
    fetch(base + "session", {redirect: "manual", cache: "no-store"}).then(function (answer) {
      if (answer.status === 204) { seen(); box.querySelector("[data-idle-said]").textContent = ""; close(); }
      else { root.dataset.gone = "1"; location.reload(); }
    });
  }
  box.querySelector("[data-idle-stay]").addEventListener("click", stay);
  box.addEventListener("cancel", function (e) { e.preventDefault(); stay(); });
  setInterval(tick, 1000);
  document.addEventListener("visibilitychange", function () { if (!document.hidden) { tick(); } });
})();
