"use strict";
// What the pages of reports draw with, on top of d3.
var draw = (function () {
  var whole = d3.format(",");

  function color(name) { return "var(--" + name + ")"; }
  function clear(node) { while (node.firstChild) node.removeChild(node.firstChild); }
  function hide(id) { document.getElementById(id).style.display = "none"; }
  function note(id, text) { d3.select("#" + id + " .note").text(text); }
  function canvas(selector, height) {
    var node = document.querySelector(selector);
    clear(node);
    var width = Math.max(240, node.clientWidth);
    var svg = d3.select(node).append("svg").attr("width", width).attr("height", height).attr("role", "img");
    return { svg: svg, width: width, height: height };
  }
  function short(number) {
    if (number >= 1e9) return +(number / 1e9).toPrecision(3) + " G";
    if (number >= 1e6) return +(number / 1e6).toPrecision(3) + " M";
    if (number >= 1e3) return +(number / 1e3).toPrecision(3) + " k";
    return String(+number.toPrecision(3));
  }

  function drawMatrix(selector, matrix, top, unit) {
    var ranks = matrix.length, c = canvas(selector, 10), left = 62, head = 38;
    var cell = Math.max(14, Math.min(96, (c.width - left - 8) / ranks)), high = Math.min(cell, 64);
    c.svg.attr("height", head + ranks * high + 8);
    c.svg.append("text").attr({ x: left, y: 12 }).attr("class", "soft").text("to rank");
    var every = Math.ceil(22 / cell);
    matrix.forEach(function (row, from) {
      if (from % every === 0) {
        c.svg.append("text").attr({ x: left - 8, y: head + (from + .5) * high + 4, "text-anchor": "end" }).text((from ? "" : "from ") + from);
        c.svg.append("text").attr({ x: left + (from + .5) * cell, y: 30, "text-anchor": "middle" }).text(from);
      }
      row.forEach(function (value, to) {
        var share = top > 0 ? value / top : 0, g = c.svg.append("g").attr("class", "cell");
        g.append("rect").attr({ x: left + to * cell, y: head + from * high, width: cell - 2, height: high - 2, rx: 3 })
          .style({ fill: "rgba(var(--heat), " + (.06 + .74 * share) + ")", stroke: from === to ? "var(--soft)" : "none", "stroke-dasharray": "3 2" })
          .append("title").text("rank " + from + " to rank " + to + ": " + whole(value) + " " + unit);
        if (cell >= 44) {
          g.append("text").attr({ x: left + (to + .5) * cell - 1, y: head + (from + .5) * high + 3, "text-anchor": "middle" })
            .style({ fill: share > .6 ? "#fff" : null, "font-weight": 600 }).text(short(value));
        }
      });
    });
  }

  return { whole: whole, short: short, color: color, clear: clear, hide: hide, note: note, canvas: canvas, matrix: drawMatrix };
})();
