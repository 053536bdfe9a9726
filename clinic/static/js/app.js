// The few lines the pages cannot do without script. Without them every page still works; clocks then show the time of the page.
(function () {
  "use strict";
  var root = document.documentElement;
  function all(what, inside) { return Array.from((inside || document).querySelectorAll(what)); }

  // A unit as the pages write it: a space before the power of ten, and the power raised.
  function writeUnits(el, text) {
    el.textContent = "";
    text.replace(/× ?10/g, "×\u00a010").split(/([⁰¹²³⁴⁵⁶⁷⁸⁹⁻]+)/).forEach(function (part, n) {
      if (n % 2 === 0) { el.append(part); return; }
      var raised = document.createElement("sup");
      raised.textContent = part.replace(/./g, function (c) { return "0123456789−"["⁰¹²³⁴⁵⁶⁷⁸⁹⁻".indexOf(c)]; });
      el.append(raised);
    });
  }

  // Clocks run from the server's time, so a tablet with a wrong clock still counts right.
  var now0 = Date.parse(root.dataset.now), t0 = performance.now();
  function tick() {
    all("[data-due]").forEach(function (el) {
      var m = Math.floor((Date.parse(el.dataset.due) - now0 - (performance.now() - t0)) / 60000 + 0.999);
      // Past its end the server says what that means; once, and never under a form being filled in.
      if (m < 0 && !document.querySelector(".c-save, .c-form") && !sessionStorage.getItem(el.dataset.due)) {
        sessionStorage.setItem(el.dataset.due, "asked");
        location.reload();
        return;
      }
      m = Math.max(m, 0);
      var parts = m >= 1440 ? [[Math.floor(m / 1440), m < 2880 ? "day" : "days"], [Math.floor(m % 1440 / 60), "h"]]
        : m >= 60 ? [[Math.floor(m / 60), "h"], [m % 60, "min"]] : [[m, "min"]];
      el.textContent = "";
      parts.forEach(function (p, n) {
        var unit = document.createElement("small");
        unit.textContent = "\u00a0" + p[1] + (n + 1 < parts.length ? " " : "");
        el.append(String(p[0]), unit);
      });
    });
  }
  if (now0 && document.querySelector("[data-due]")) { setInterval(tick, 15000); }

  // What went wrong takes the focus, so that it is read first; after an unreadable code the next scan goes into its box.
  var first = document.querySelector("form[data-scan] [aria-invalid]") || document.querySelector("[data-focus]");
  if (first) { first.focus(); }

  // What is scanned replaces what stands in the box: two codes in one box are no code.
  all(".c-scan input").forEach(function (box) { box.addEventListener("focus", function () { box.select(); }); });
  if (first && first.matches(".c-scan input")) { first.select(); }

  // What is filled in already is gone on from its end, not from its beginning.
  all("textarea").forEach(function (box) {
    box.addEventListener("focus", function () {
      if (box.value && !box.selectionStart && !box.selectionEnd) { box.setSelectionRange(box.value.length, box.value.length); }
    }, {once: true});
  });

  // The link of an error leads to its box with the question and the error above it in view.
  all(".c-errsum a").forEach(function (link) {
    link.addEventListener("click", function (e) {
      var box = document.getElementById(link.hash.slice(1));
      if (!box) { return; }
      e.preventDefault();
      if (box.closest("details")) { box.closest("details").open = true; }
      box.focus({preventScroll: true});
      (box.closest(".c-field") || box).scrollIntoView({block: "start"});
    });
  });

  // A password box is ready to type into, and what is signed stays in view above it.
  var ready = document.querySelector("[data-ready]");
  if (ready && !first) { ready.focus({preventScroll: true}); }

  var BAR = ".c-save, .c-go"; // with the buttons, at the foot of the window
  function height(what) {
    var bar = document.querySelector(what);
    return bar && /sticky|fixed/.test(getComputedStyle(bar).position) ? bar.offsetHeight : 0;
  }

  // What has the focus is never under the patient's band or the bar with the buttons, however high they are here.
  function clear() {
    root.style.scrollPaddingBlock = [".c-band", BAR].map(function (what) { return height(what) + 16 + "px"; }).join(" ");
  }
  if (document.querySelector(".c-band, .c-save, .c-go")) { clear(); window.addEventListener("resize", clear); }

  // A wide drawing opens where today is.
  all("[data-at]").forEach(function (el) { el.scrollLeft = el.scrollWidth * el.dataset.at - el.clientWidth / 2; });

  // In a long form a scanner's Enter goes to the next box; it never sends a half-filled form.
  all("form[data-long]").forEach(function (form) {
    form.addEventListener("input", function () { form.dataset.typed = "1"; });
    form.addEventListener("keydown", function (e) {
      if (e.key !== "Enter" || !e.target.matches("input, select")) { return; }
      e.preventDefault();
      var boxes = Array.from(form.elements).filter(function (x) { return x.matches("input:not([type=hidden]), select, textarea") && x.offsetParent; });
      var after = boxes.slice(boxes.indexOf(e.target) + 1), row = e.target.closest(".c-sheetrow");
      // On a worksheet it goes from result to result, past what few of them need.
      if (row) { after = after.filter(function (x) { return x.closest(".c-sheetrow") !== row && (!x.closest(".c-sheetrow") || /_(value|outcome)$/.test(x.name)); }); }
      // Of a choice it goes to what is chosen: a space there changes nothing.
      var next = after.filter(function (x) { return x.type !== "radio" || x.name !== e.target.name; })[0];
      var chosen = next && next.type === "radio" && boxes.filter(function (x) { return x.name === next.name && x.checked; })[0];
      if (next) { (chosen || next).focus(); }
    });
  });

  // Wristband, then bag: a scanner's Enter in the last box compares them.
  all("form[data-scan]").forEach(function (form) {
    form.addEventListener("keydown", function (e) {
      if (e.key !== "Enter" || !e.target.matches("input")) { return; }
      e.preventDefault();
      var empty = Array.from(form.elements).filter(function (x) { return x.matches("input:not([type=hidden])") && !x.value.trim(); })[0];
      if (empty) { empty.focus(); } else { form.requestSubmit(document.querySelector("button[form=" + form.id + "]") || form.querySelector("button")); }
    });
  });

  // What was typed and not sent is not lost by a slip of the finger.
  window.addEventListener("beforeunload", function (e) {
    if (!root.dataset.gone && all("form[data-long][data-typed]:not([data-sent])").length) { e.preventDefault(); }
  });

  // A form is sent once. (The server knows a second sending by its key; this only spares the wait.)
  document.addEventListener("submit", function (e) {
    if (e.target.dataset.sent) { e.preventDefault(); return; }
    if (e.target.getAttribute("method") !== "post") { return; }
    e.target.dataset.sent = "1";
    setTimeout(function () { delete e.target.dataset.sent; }, 8000);
  });
  window.addEventListener("pageshow", function () { all("form[data-sent]").forEach(function (f) { delete f.dataset.sent; }); });

  // "1042" is a time of day.
  all("[data-time]").forEach(function (el) {
    el.addEventListener("change", function () {
      var m = /^(\d{1,2})[.: ]?(\d{2})$/.exec(el.value.trim());
      if (m && m[1] < 24 && m[2] < 60) { el.value = m[1].padStart(2, "0") + ":" + m[2]; }
    });
  });

  // A value worked out while it is typed: the sum, the result, how it stands to its limit. The record works it out itself.
  all("[data-work]").forEach(function (box) {
    var d = box.dataset, form = box.closest("form");
    function typed(name) {
      var at = form.elements[name], n = at && at.value ? Number(at.value.trim().replace(",", ".")) : 0;
      return n > 0 && isFinite(n) ? n : 0;
    }
    function figure(n) { // three significant figures, as the record writes it
      var said = n >= 1000 ? String(Math.round(n)) : String(Number(n.toPrecision(3)));
      return said.indexOf("e") < 0 ? said : n.toFixed(6);
    }
    function part(n) { return String(Number(n.toPrecision(n === Number(d.by) ? 4 : 8))); } // as typed, so that the sum is right
    function show() {
      var of = typed(d.of), by = Number(d.by) || typed(d.by), before = Number(d.before);
      box.hidden = !(of && by);
      if (box.hidden) { return; }
      var times = "times" in d, ratio = "ratio" in d, value = times ? of * by : (of + before) / by;
      if (d.digits) { value = Number(value.toFixed(d.digits)); } // as the record rounds it before it judges
      var one = (before ? "(" + part(before) + " + " + part(of) + ")" : part(of)) + "\u00a0" + d.ofUnit, other = part(by) + "\u00a0" + d.byUnit;
      writeUnits(box.querySelector("[data-sum]"), (ratio ? other + " ÷ " + one : one + (times ? " × " : " ÷ ") + other).trim() + " =");
      writeUnits(box.querySelector("[data-result]"), ratio ? "1\u00a0:\u00a0" + (1 / value).toFixed(1).replace(".0", "") : (d.digits ? value.toFixed(d.digits) : figure(value)) + "\u00a0" + d.unit);
      var fits = !(d.most && value > Number(d.most)) && !(d.least && value < Number(d.least));
      all("[data-within]", box).forEach(function (tag) { tag.hidden = !fits; });
      all("[data-outside]", box).forEach(function (tag) { tag.hidden = fits; });
    }
    form.addEventListener("input", show);
    show();
  });

  // A second person is somebody else: who is chosen as the first is not offered. (The server refuses it too.)
  all("[data-other-than]").forEach(function (box) {
    function keep() {
      var name = box.dataset.otherThan, first = document.querySelector("select[name=" + name + "], [name=" + name + "]:checked");
      all("option, input", box).forEach(function (o) {
        var same = Boolean(first && o.value && o.value === first.value);
        if (same) { o.checked = o.selected = false; }
        o.disabled = same;
        (o.closest("label") || o).hidden = same;
      });
    }
    document.addEventListener("change", keep);
    keep();
  });

  // The unit of a figure follows what is chosen.
  all("[data-unit-by]").forEach(function (unit) {
    var units = JSON.parse(unit.dataset.units), usual = unit.dataset.unit, form = unit.closest("form");
    function keep() {
      var box = form.elements[unit.dataset.unitBy];
      writeUnits(unit, (box && units[box.value]) || usual);
    }
    form.addEventListener("change", keep);
    keep();
  });

  // What applies only with some answers is shown with these, or where something stands in it already.
  all("[data-asked-if]").forEach(function (box) {
    var wanted = box.dataset.askedIf.split(" "), name = wanted.shift(), form = box.closest("form");
    function filled() {
      return all("input, select, textarea", box).some(function (o) { return o.type === "radio" || o.type === "checkbox" ? o.checked : o.value.trim() !== ""; });
    }
    function keep() {
      var asked = all("[name='" + name + "'], [name^='" + name + "-']", form);
      if (!asked.length) { return; } // this form does not ask on what it depends
      var answers = asked.filter(function (o) { return o.type === "radio" || o.type === "checkbox" ? o.checked : o.value.trim() !== ""; });
      var applies = answers.some(function (o) { return wanted.indexOf("*") >= 0 || wanted.indexOf(o.value) >= 0; });
      box.hidden = !applies && !filled();
    }
    form.addEventListener("input", keep);
    form.addEventListener("change", keep);
    keep();
  });

  // A form opens in the first box that the person fills: what is prefilled or optional is passed over. The page moves no
  // further than it must, so that what stands above the form is still seen.
  (function () {
    var form = document.querySelector("form[data-long], form[data-scan]");
    if (first || ready || !form || location.hash) { return; }
    function empty(box) {
      if (box.type === "radio" || box.type === "checkbox") { return !form.querySelector("[name='" + box.name + "']:checked"); }
      return box.value.trim() === "";
    }
    function usable(box) { return box.offsetParent && !box.disabled && !box.readOnly; }
    var boxes = all("input:not([type=hidden]), select, textarea", form).filter(usable);
    var asked = boxes.filter(function (box) {
      var field = box.closest(".c-field");
      return empty(box) && !(field && field.querySelector(".c-field__may")) && !box.closest("details");
    });
    // What lies far below is not jumped to: what is prefilled above it would be passed unseen.
    var near = asked[0] && asked[0].getBoundingClientRect().top - boxes[0].getBoundingClientRect().top < window.innerHeight / 2;
    var box = form.querySelector("[autofocus]") || (near && !form.elements.version ? asked[0] : boxes[0]);
    if (!box) { return; }
    // A moment is entered from its day on, also where the day is prefilled: Tab does not lead back.
    var whole = box.closest(".c-date");
    if (whole) { box = all("input, select", whole).filter(usable)[0]; }
    window.scrollTo(0, 0);
    // No page opens below its own heading, with a choice under the finger that nobody has read yet.
    var below = box.getBoundingClientRect().bottom > window.innerHeight - height(BAR);
    if (below && box.type === "radio") { return; }
    box.focus({preventScroll: true});
    if (whole) { box.select(); } // as Tab does: what is typed replaces the day that stands there
    if (below) { (box.closest(".c-field") || box).scrollIntoView({block: "nearest"}); }
  })();

  // Light, dark, or as the device says: kept on this device, for the next pages too.
  all("[data-themes]").forEach(function (group) {
    function show() { all("button", group).forEach(function (b) { b.setAttribute("aria-pressed", String(b.dataset.themeTo === (root.dataset.bsTheme || ""))); }); }
    group.hidden = false;
    show();
    group.addEventListener("click", function (e) {
      var b = e.target.closest("button");
      if (!b) { return; }
      if (b.dataset.themeTo) { root.dataset.bsTheme = b.dataset.themeTo; } else { delete root.dataset.bsTheme; }
      document.cookie = "theme=" + b.dataset.themeTo + ";path=" + root.dataset.root + ";samesite=lax;max-age=" + (b.dataset.themeTo ? 31536000 : 0);
      show();
    });
  });

  // How much still fits is said at the box. Nothing pasted is cut in silence: the box takes it all, and the server says what is too long.
  all("textarea[maxlength], input[type=text][maxlength]").forEach(function (box) {
    var most = Number(box.getAttribute("maxlength")), said = document.getElementById(box.id + "-n"), wait;
    if (most < 100) { return; }
    box.removeAttribute("maxlength");
    function count() {
      var left = most - box.value.trim().replace(/\n/g, "\r\n").length;
      if (!said && left > most / 10) { return; }
      if (!said) {
        said = document.createElement("span");
        said.className = "c-hint c-count";
        said.id = box.id + "-n";
        box.closest(".c-field").append(said);
        box.setAttribute("aria-describedby", ((box.getAttribute("aria-describedby") || "") + " " + said.id).trim());
      }
      said.classList.toggle("is-over", left < 0);
      said.textContent = Math.abs(left).toLocaleString("en-US") + (Math.abs(left) === 1 ? " character " : " characters ") + (left < 0 ? "too many" : "left");
      if (left <= most / 10) { said.setAttribute("role", "status"); } else { said.removeAttribute("role"); }
    }
    box.addEventListener("input", function () { clearTimeout(wait); wait = setTimeout(count, 300); });
    if (box.value) { count(); }
  });

  // Before the warnings are answered the next thing to do is the answer, not the button. (The server refuses it, too.)
  all("[data-answered-by]").forEach(function (button) {
    var boxes = all("[name^=" + button.dataset.answeredBy + "]", button.form);
    function keep() { button.classList.toggle("c-huge--waits", boxes.some(function (box) { return box.value.trim() === ""; })); }
    button.form.addEventListener("input", keep);
    keep();
  });

  // A result that needs more words opens the boxes for them.
  all("[data-opens]").forEach(function (row) {
    row.addEventListener("change", function (e) {
      if (row.dataset.opens.split(" ").indexOf(e.target.value) >= 0) { row.querySelector("details").open = true; }
    });
  });

  // A menu closes on Escape, and when one goes elsewhere.
  all("details[data-menu]").forEach(function (menu) {
    document.addEventListener("keydown", function (e) {
      if (e.key === "Escape" && menu.open) { menu.open = false; menu.querySelector("summary").focus(); }
    });
    ["click", "focusin"].forEach(function (kind) {
      document.addEventListener(kind, function (e) { if (!menu.contains(e.target)) { menu.open = false; } });
    });
  });

  all("[data-print]").forEach(function (b) { b.addEventListener("click", function () { window.print(); }); });

  // Demonstration: an account from the list goes into the boxes.
  all("[data-fill]").forEach(function (b) {
    b.addEventListener("click", function () {
      document.getElementById("email").value = b.dataset.fill;
      var p = document.getElementById("password");
      p.value = "cellcourse-demo-1";
      p.form.querySelector("button").focus();
    });
  });
})();
