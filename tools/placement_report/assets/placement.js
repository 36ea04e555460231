"use strict";
(function () {
  var data = JSON.parse(document.getElementById("data").textContent);

  function drawText() {
    d3.select("#title").text(data.title);
    d3.select("#subtitle").text(data.subtitle);
    d3.select("#verdict").selectAll("p").data(data.verdict).enter().append("p").text(String);
    d3.select("#numbers pre").text(data.text);
  }

  // Thousands of cells: a bitmap, not elements. `borders` are the bins at which a rank ends.
  function drawPairs(selector, matrix, top, borders) {
    var node = document.querySelector(selector), n = matrix.length;
    draw.clear(node);
    var side = Math.max(200, Math.min(node.clientWidth, 480)), scale = window.devicePixelRatio || 1;
    var bitmap = d3.select(node).append("canvas").attr({ width: side * scale, height: side * scale, role: "img", "data-bins": n })
      .attr("aria-label", "how often experts are active in the same token").style({ width: side + "px", height: side + "px" });
    var pen = bitmap.node().getContext("2d"), cell = side * scale / n;
    var heat = getComputedStyle(document.documentElement).getPropertyValue("--heat").trim();
    matrix.forEach(function (row, a) {
      row.forEach(function (value, b) {
        var share = top > 0 ? Math.sqrt(value / top) : 0;
        pen.fillStyle = "rgba(" + heat + ", " + (.04 + .96 * share) + ")";
        pen.fillRect(b * cell, a * cell, Math.ceil(cell), Math.ceil(cell));
      });
    });
    pen.strokeStyle = getComputedStyle(document.documentElement).getPropertyValue("--mean").trim();
    pen.lineWidth = 1.5 * scale;
    var from = 0;
    borders.forEach(function (to) {
      pen.strokeRect(from * cell, from * cell, (to - from) * cell, (to - from) * cell);
      from = to;
    });
  }

  function drawCoactivation() {
    var c = data.coactivation;
    if (!c) return draw.hide("coactivation");
    draw.note("coactivation", c.note);
    var top = d3.max(d3.merge(c.before.concat(c.after)));
    drawPairs("#coactivation .before", c.before, top, c.before_borders);
    drawPairs("#coactivation .after", c.after, top, c.after_borders);
  }

  function drawPlacement() {
    var p = data.placement;
    draw.note("placement", p.note);
    var left = 62, most = d3.max(p.ranks, function (slots) { return slots.length; }), c = draw.canvas("#placement .chart", 10);
    var per_line = Math.max(1, Math.min(most, Math.floor((c.width - left) / 26))), lines = Math.ceil(most / per_line);
    var cell = Math.min(44, (c.width - left) / per_line), high = 22;
    c.svg.attr("height", p.ranks.length * (lines * high + 6) + 4);
    var top = d3.max(d3.merge(p.ranks), function (slot) { return slot ? slot.of_mean : 0; });
    p.ranks.forEach(function (slots, rank) {
      var y0 = rank * (lines * high + 6) + 4;
      c.svg.append("text").attr({ x: left - 8, y: y0 + 15, "text-anchor": "end" }).text("rank " + rank);
      slots.forEach(function (slot, i) {
        var x = left + i % per_line * cell, y = y0 + Math.floor(i / per_line) * high;
        var g = c.svg.append("g").attr("class", slot ? "slot" : "empty");
        var share = slot && top > 0 ? slot.of_mean / top : 0;
        g.append("rect").attr({ x: x, y: y, width: cell - 2, height: high - 3, rx: 3 })
          .style({ fill: slot ? "rgba(var(--heat), " + (.06 + .74 * share) + ")" : "none", stroke: slot && slot.copy ? "var(--mean)" : "var(--line)" })
          .append("title").text(slot ? "expert " + slot.expert + (slot.copy ? ", a further copy" : "") + ": " + slot.of_mean.toFixed(2) + " of the mean load" : "empty slot");
        if (slot) {
          g.append("text").attr({ x: x + (cell - 2) / 2, y: y + 14, "text-anchor": "middle" })
            .style({ fill: share > .6 ? "#fff" : null, "font-size": "11px" }).text(slot.expert);
        }
      });
    });
  }

  function drawTraffic() {
    var t = data.traffic, top = d3.max(d3.merge(t.before.concat(t.after)));
    draw.note("traffic", t.note);
    draw.matrix("#traffic .before", t.before, top, t.unit);
    draw.matrix("#traffic .after", t.after, top, t.unit);
  }

  function drawLoad() {
    var l = data.load, mean = d3.mean(l.after), m = { top: 12, right: 16, bottom: 40, left: 44 };
    draw.note("load", l.note);
    var share = function (v) { return mean > 0 ? v / mean : 0; };
    var c = draw.canvas("#load .chart", 240);
    var x = d3.scale.ordinal().domain(d3.range(l.after.length)).rangeBands([m.left, c.width - m.right], .25, .1);
    var y = d3.scale.linear().domain([0, Math.max(1.2, share(d3.max(l.before.concat(l.after))))]).nice().range([c.height - m.bottom, m.top]);
    c.svg.append("g").attr("class", "axis").attr("transform", "translate(" + m.left + ",0)").call(d3.svg.axis().scale(y).orient("left").ticks(5));
    [["before", "learned", "dealt in order"], ["after", "table", "as planned"]].forEach(function (way, side) {
      c.svg.append("g").attr("class", way[0]).selectAll("rect").data(l[way[0]]).enter().append("rect").attr({
        x: function (v, i) { return x(i) + side * x.rangeBand() / 2; }, width: Math.max(1, x.rangeBand() / 2 - 1),
        y: function (v) { return y(share(v)); }, height: function (v) { return y(0) - y(share(v)); }
      }).style("fill", draw.color(way[1]))
        .append("title").text(function (v, i) { return "rank " + i + ", " + way[2] + ": " + share(v).toFixed(3) + " of the mean, " + draw.whole(v) + " pairs"; });
    });
    c.svg.append("line").attr({ x1: m.left, x2: c.width - m.right, y1: y(1), y2: y(1) }).style({ stroke: draw.color("mean"), "stroke-dasharray": "4 3" });
    c.svg.append("text").attr({ x: c.width - m.right, y: y(1) - 5, "text-anchor": "end" }).style("fill", draw.color("mean"))
      .style({ "paint-order": "stroke", stroke: "var(--card)", "stroke-width": "4px" }).text("mean");
    var every = Math.ceil(l.after.length / (c.width < 500 ? 8 : 24));
    c.svg.append("g").selectAll("text").data(l.after).enter().append("text").attr({
      x: function (v, i) { return x(i) + x.rangeBand() / 2; }, y: c.height - m.bottom + 15, "text-anchor": "middle"
    }).text(function (v, i) { return i % every ? "" : i; });
    c.svg.append("text").attr({ x: (m.left + c.width - m.right) / 2, y: c.height - 6, "text-anchor": "middle" }).attr("class", "soft").text("rank");
    var legend = document.querySelector("#load .legend");
    draw.clear(legend);
    [["learned", "experts and samples dealt in order"], ["table", "as planned"]].forEach(function (entry) {
      var item = d3.select(legend).append("span");
      item.append("i").style("background", draw.color(entry[0]));
      item.append("span").text(entry[1]);
    });
  }

  function drawCharts() { drawCoactivation(); drawPlacement(); drawTraffic(); drawLoad(); }
  drawText();
  drawCharts();
  var width = document.body.clientWidth;
  window.addEventListener("resize", function () {
    if (document.body.clientWidth !== width) { width = document.body.clientWidth; drawCharts(); }
  });
  document.body.setAttribute("data-drawn", "yes");
})();
