// Charts of the admin: draws the JSON beside each canvas with Chart.js, in the colours of the theme.
"use strict";

const PALETTE = ["#0f766e", "#2563eb", "#d97706", "#9333ea", "#64748b", "#dc2626", "#0891b2", "#65a30d", "#db2777", "#a16207", "#c084fc", "#22c55e"];
const UNITS = {
  count: (value) => value.toLocaleString("en"),
  usd: (value) => `$${value.toLocaleString("en", { maximumFractionDigits: value < 1 ? 4 : 2 })}`,
  ms: (value) => `${Math.round(value).toLocaleString("en")} ms`,
  share: (value) => `${(100 * value).toFixed(1)} %`,
};
const drawn = [];

const isDark = () => document.documentElement.classList.contains("dark");
const colors = () => (isDark() ? { ink: "#d1d5db", grid: "#374151" } : { ink: "#374151", grid: "#e5e7eb" });

/** Draws the marks of a chart (a version was published on this day) as upright lines with their names. */
const marksPlugin = {
  id: "marks",
  afterDatasetsDraw(chart, _args, { marks = [] }) {
    const { ctx, chartArea: area, scales } = chart;
    ctx.save();
    ctx.strokeStyle = ctx.fillStyle = colors().ink;
    ctx.setLineDash([2, 3]);
    ctx.font = "10px sans-serif";
    for (const [label, name] of marks) {
      const x = scales.x.getPixelForValue(chart.data.labels.indexOf(label));
      ctx.beginPath();
      ctx.moveTo(x, area.top);
      ctx.lineTo(x, area.bottom);
      ctx.stroke();
      ctx.fillText(name, x + 3, area.top + 9);
    }
    ctx.restore();
  },
};

/** Draws the 95 % interval of each point. */
const intervalsPlugin = {
  id: "intervals",
  beforeDatasetsDraw(chart) {
    const { ctx, scales } = chart;
    chart.data.datasets.forEach((set, at) => {
      if (!set.low?.length || !chart.isDatasetVisible(at)) return;
      ctx.save();
      ctx.strokeStyle = set.borderColor;
      ctx.lineWidth = 2;
      chart.getDatasetMeta(at).data.forEach((point, place) => {
        ctx.beginPath();
        ctx.moveTo(point.x, scales.y.getPixelForValue(set.low[place]));
        ctx.lineTo(point.x, scales.y.getPixelForValue(set.high[place]));
        ctx.stroke();
      });
      ctx.restore();
    });
  },
};

function dataset(series, at) {
  const color = series.soft && series.label === "Period before" ? "#94a3b8" : PALETTE[at % PALETTE.length];
  const line = series.kind !== "bar";
  return {
    type: line ? "line" : "bar",
    label: series.label,
    data: series.values,
    low: series.low,
    high: series.high,
    borderColor: color,
    backgroundColor: color,
    stack: line ? `line ${at}` : series.stacked ? "sum" : `bar ${at}`,
    borderDash: series.soft ? [5, 4] : [],
    borderWidth: line ? 2 : 0,
    showLine: series.kind === "line",
    pointRadius: series.kind === "points" ? 5 : series.values.length > 45 ? 0 : 2,
    maxBarThickness: 36,
    spanGaps: false,
    order: line ? 0 : 1,
  };
}

/** A long name in two lines, as Chart.js takes them: one would be cut at the edge. */
const inLines = (name) => (name.length > 30 && name.includes(": ") ? name.split(/(?<=:) /) : name);

function tooltipLine(unit, item) {
  const { low, high, label } = item.dataset;
  const value = item.raw === null ? "–" : UNITS[unit](item.raw);
  const interval = low?.length ? ` (95 %: ${UNITS[unit](low[item.dataIndex])} to ${UNITS[unit](high[item.dataIndex])})` : "";
  return `${label}: ${value}${interval}`;
}

function configuration(chart) {
  const { ink, grid } = colors();
  const values = { beginAtZero: true, stacked: true, ticks: { color: ink, precision: chart.unit === "count" ? 0 : undefined, callback: UNITS[chart.unit] }, grid: { color: grid } };
  if (chart.unit === "share") values.suggestedMax = chart.across ? undefined : 1;
  const names = { stacked: chart.across ? false : true, ticks: { color: ink, maxRotation: chart.labels.length > 14 ? 0 : 45, autoSkip: chart.labels.length > 14 }, grid: { display: false }, title: { display: true, text: chart.head, color: ink } };
  if (chart.across) values.stacked = false;
  return {
    type: "bar",
    data: { labels: chart.across ? chart.labels.map(inLines) : chart.labels, datasets: chart.series.map(dataset) },
    options: {
      indexAxis: chart.across ? "y" : "x",
      animation: false,
      responsive: true,
      maintainAspectRatio: false,
      interaction: { mode: "index", axis: chart.across ? "y" : "x", intersect: false },
      scales: chart.across ? { x: values, y: names } : { x: names, y: values },
      plugins: {
        marks: { marks: chart.marks },
        legend: { display: chart.series.length > 1, position: "bottom", labels: { color: ink, boxWidth: 12, filter: (item, data) => data.datasets[item.datasetIndex].data.some((value) => value) } },
        tooltip: { filter: (item) => item.raw !== 0 || item.chart.data.datasets.length < 3, callbacks: { label: (item) => tooltipLine(chart.unit, item) } },
      },
    },
    plugins: [marksPlugin, intervalsPlugin],
  };
}

function flowConfiguration(chart) {
  const names = [...new Set(chart.flows.flatMap(([from, to]) => [from, to]))];
  const color = (name) => PALETTE[names.indexOf(name) % PALETTE.length];
  const labels = Object.fromEntries(names.map((name) => [name, name.replace(/^(rule|model) /, "")]));
  return {
    type: "sankey",
    data: { datasets: [{ label: chart.title, data: chart.flows.map(([from, to, flow]) => ({ from, to, flow })), labels, color: colors().ink, colorFrom: (item) => color(item.raw?.from), colorTo: (item) => color(item.raw?.to), colorMode: "gradient", borderWidth: 0 }] },
    options: { animation: false, responsive: true, maintainAspectRatio: false, plugins: { legend: { display: false } } },
  };
}

function draw() {
  while (drawn.length) drawn.pop().destroy();
  for (const canvas of document.querySelectorAll("canvas[data-chart]")) {
    const chart = JSON.parse(document.getElementById(canvas.dataset.chart).textContent);
    drawn.push(new Chart(canvas, chart.flows.length ? flowConfiguration(chart) : configuration(chart)));
  }
}

document.addEventListener("DOMContentLoaded", () => {
  draw();
  new MutationObserver(draw).observe(document.documentElement, { attributeFilter: ["class"] });
});
