"use strict";
(function () {
  var data = JSON.parse(document.getElementById("data").textContent);
  var whole = draw.whole, short = draw.short, color = draw.color, clear = draw.clear, hide = draw.hide, note = draw.note, canvas = draw.canvas;
  var LANES = ["plan", "fetch", "dispatch", "compute", "combine", "other"];
  var LANE_OF = { plan: "plan", layout: "plan", fetch: "fetch", write_back: "fetch", migrate: "fetch", dispatch: "dispatch", compute: "compute", combine: "combine" };

  function drawText() {
    d3.select("#title").text(data.title);
    d3.select("#subtitle").text(data.subtitle);
    d3.select("#verdict").selectAll("p").data(data.verdict).enter().append("p").text(String);
  }

  function drawLoss() {
    var curves = data.curves.filter(function (c) { return c.points.length > 0; });
    if (!curves.length) return hide("loss");
    var c = canvas("#loss .chart", 320), m = { top: 12, right: 16, bottom: 44, left: 52 };
    var all = d3.merge(curves.map(function (curve) { return curve.points; }));
    var x = d3.scale.linear().domain([0, d3.max(all, function (p) { return p[0]; })]).range([m.left, c.width - m.right]);
    var y = d3.scale.linear().domain(d3.extent(all, function (p) { return p[1]; })).nice().range([c.height - m.bottom, m.top]);
    var g = c.svg;
    g.append("g").attr("class", "grid").selectAll("line").data(y.ticks(6)).enter().append("line")
      .attr({ x1: m.left, x2: c.width - m.right, y1: y, y2: y });
    g.append("g").attr("class", "axis").attr("transform", "translate(0," + (c.height - m.bottom) + ")")
      .call(d3.svg.axis().scale(x).orient("bottom").ticks(c.width < 500 ? 4 : 8).tickFormat(short));
    g.append("g").attr("class", "axis").attr("transform", "translate(" + m.left + ",0)")
      .call(d3.svg.axis().scale(y).orient("left").ticks(6));
    g.append("text").attr({ x: (m.left + c.width - m.right) / 2, y: c.height - 6, "text-anchor": "middle" }).attr("class", "soft")
      .text("tokens trained on");
    var line = d3.svg.line().x(function (p) { return x(p[0]); }).y(function (p) { return y(p[1]); });
    curves.forEach(function (curve) {
      var group = g.append("g").attr("class", "curve").attr("data-name", curve.name);
      group.append("path").datum(curve.points).attr("d", line)
        .style({ fill: "none", stroke: color(curve.color), "stroke-width": 2.5, "stroke-dasharray": curve.dashed ? "6 4" : null });
      group.selectAll("circle").data(curve.points).enter().append("circle")
        .attr({ r: 3, cx: function (p) { return x(p[0]); }, cy: function (p) { return y(p[1]); } })
        .style("fill", color(curve.color))
        .append("title").text(function (p) { return curve.name + ": " + p[1].toFixed(4) + " after " + whole(p[0]) + " tokens"; });
    });
    var legend = document.querySelector("#loss .legend");
    clear(legend);
    curves.forEach(function (curve) {
      var item = d3.select(legend).append("span");
      item.append("i").style("background", color(curve.color));
      item.append("span").text(curve.name + (curve.dashed ? " (dashed)" : "") + ": " +
        curve.points[curve.points.length - 1][1].toFixed(4));
    });
  }

  function drawLoad() {
    if (!data.load || !data.load.values.length) return hide("load");
    note("load", data.load.note);
    var values = data.load.values, mean = d3.mean(values);
    var shares = values.map(function (v) { return mean > 0 ? v / mean : 0; });
    var c = canvas("#load .chart", 220), m = { top: 12, right: 16, bottom: 40, left: 44 };
    var x = d3.scale.ordinal().domain(d3.range(shares.length)).rangeBands([m.left, c.width - m.right], .15, .1);
    var y = d3.scale.linear().domain([0, Math.max(1.2, d3.max(shares))]).nice().range([c.height - m.bottom, m.top]);
    c.svg.append("g").attr("class", "axis").attr("transform", "translate(" + m.left + ",0)")
      .call(d3.svg.axis().scale(y).orient("left").ticks(5));
    c.svg.selectAll("rect").data(shares).enter().append("rect").attr({
      x: function (v, i) { return x(i); }, width: x.rangeBand(), y: function (v) { return y(v); },
      height: function (v) { return y(0) - y(v); }
    }).style("fill", color("table"))
      .append("title").text(function (v, i) { return "expert " + i + ": " + v.toFixed(2) + " of the mean, " + whole(values[i]) + " selections"; });
    c.svg.append("line").attr({ x1: m.left, x2: c.width - m.right, y1: y(1), y2: y(1) })
      .style({ stroke: color("mean"), "stroke-dasharray": "4 3" });
    c.svg.append("text").attr({ x: c.width - m.right, y: y(1) - 5, "text-anchor": "end" }).style("fill", color("mean"))
      .style({ "paint-order": "stroke", stroke: "var(--card)", "stroke-width": "4px" }).text("mean");
    var every = Math.ceil(shares.length / (c.width < 500 ? 8 : 24));
    c.svg.append("g").selectAll("text").data(shares).enter().append("text").attr({
      x: function (v, i) { return x(i) + x.rangeBand() / 2; }, y: c.height - m.bottom + 15, "text-anchor": "middle"
    }).text(function (v, i) { return i % every ? "" : i; });
    c.svg.append("text").attr({ x: (m.left + c.width - m.right) / 2, y: c.height - 6, "text-anchor": "middle" }).attr("class", "soft")
      .text("expert");
  }

  function drawTraffic() {
    var t = data.traffic;
    if (!t) return hide("traffic");
    note("traffic", t.note);
    var top = d3.max(d3.merge(t.before.concat(t.after)));
    draw.matrix("#traffic .before", t.before, top, t.unit);
    draw.matrix("#traffic .after", t.after, top, t.unit);
  }

  function drawTimeline() {
    var t = data.timeline;
    if (!t || !t.events.length) return hide("timeline");
    note("timeline", t.note);
    var ranks = d3.set(t.events.map(function (e) { return e.rank; })).values().map(Number).sort(d3.ascending);
    var lane = 20, gap = 26, m = { top: 4, right: 16, bottom: 40, left: 78 };
    var block = LANES.length * lane + gap;
    var c = canvas("#timeline .chart", m.top + ranks.length * block + m.bottom);
    var x = d3.scale.linear().domain([0, t.length_us / 1000]).range([m.left, c.width - m.right]);
    ranks.forEach(function (rank, index) {
      var y0 = m.top + index * block + gap - 6;
      c.svg.append("text").attr({ x: 0, y: y0 - 6 }).style("font-weight", 600).text("rank " + rank);
      LANES.forEach(function (name, i) {
        var y = y0 + i * lane;
        c.svg.append("text").attr({ x: m.left - 8, y: y + 14, "text-anchor": "end" }).attr("class", "soft").text(name);
        c.svg.append("line").attr({ x1: m.left, x2: c.width - m.right, y1: y + lane, y2: y + lane }).style("stroke", "var(--line)");
      });
      c.svg.append("g").selectAll("rect")
        .data(t.events.filter(function (e) { return e.rank === rank; })).enter().append("rect")
        .attr({
          class: "event", x: function (e) { return x(e.begin_us / 1000); }, y: function (e) { return y0 + LANES.indexOf(LANE_OF[e.kind] || "other") * lane + 3; },
          width: function (e) { return Math.max(1.5, x(e.end_us / 1000) - x(e.begin_us / 1000)); }, height: lane - 5
        })
        .style("fill", function (e) { return color(LANE_OF[e.kind] || "other"); })
        .append("title").text(function (e) {
          return e.kind + ", step " + e.step + (e.layer >= 0 ? ", layer " + e.layer : "") + (e.chunk >= 0 ? ", chunk " + e.chunk : "") +
            ": " + ((e.end_us - e.begin_us) / 1000).toFixed(2) + " ms";
        });
    });
    c.svg.append("g").attr("class", "axis").attr("transform", "translate(0," + (c.height - m.bottom) + ")")
      .call(d3.svg.axis().scale(x).orient("bottom").ticks(c.width < 500 ? 4 : 10));
    c.svg.append("text").attr({ x: (m.left + c.width - m.right) / 2, y: c.height - 6, "text-anchor": "middle" }).attr("class", "soft")
      .text("milliseconds from the step's begin");
  }

  function drawNumbers() {
    var table = document.querySelector("#numbers table");
    clear(table);
    var head = d3.select(table).append("thead").append("tr");
    head.append("th").text("");
    head.append("th").attr("class", "number").text("routing table");
    head.append("th").attr("class", "number").text("learned router");
    var body = d3.select(table).append("tbody"), group = null;
    data.numbers.forEach(function (n) {
      if (n.group !== group) {
        group = n.group;
        body.append("tr").attr("class", "group").append("th").attr("colspan", 3).text(group);
      }
      var row = body.append("tr");
      row.append("td").text(n.name);
      if (n.learned === undefined) {
        row.append("td").attr("class", "number").attr("colspan", 2).text(n.value);
      } else {
        row.append("td").attr("class", "number").text(n.value);
        row.append("td").attr("class", "number").text(n.learned);
      }
    });
  }

  function drawCharts() { drawLoss(); drawLoad(); drawTraffic(); drawTimeline(); }
  drawText();
  drawNumbers();
  drawCharts();
  var width = document.body.clientWidth;
  window.addEventListener("resize", function () {
    if (document.body.clientWidth !== width) { width = document.body.clientWidth; drawCharts(); }
  });
  document.body.setAttribute("data-drawn", "yes");
})();
