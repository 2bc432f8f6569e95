import type { EChartsOption, SeriesOption } from 'echarts';
import { init } from 'echarts';
import { barOf } from './bars.ts';
import type { Figure, Report, Series } from './figures.ts';
import { median, quantile, ratiosOf } from './statistics.ts';

/** Draws plots as SVG, without a browser. Colours that can be told on white and on black. */

const width = 760;
const rowHeight = 26;
const colours = ['#3b7dd8', '#d8743b', '#4aa564', '#a05bc8'];
const ahead = '#4aa564';
const behind = '#d8743b';
const words = { color: '#808080', fontFamily: 'sans-serif' };

/** Without what answers a mouse: its names count everything the process has drawn, and would differ from run to run. */
const still = (svg: string): string =>
  svg
    .replaceAll(/<style ?>[\s\S]*?<\/style>\n?/g, '')
    .replaceAll(/ class="[^"]*"/g, '')
    .replaceAll(/\bzr\d+-/g, 'zr-');

const drawn = (height: number, option: EChartsOption): string => {
  const chart = init(null, null, { renderer: 'svg', ssr: true, width, height });
  try {
    chart.setOption({ animation: false, textStyle: words, color: colours, ...option });
    return `${still(chart.renderToSVGString())}\n`;
  } finally {
    chart.dispose();
  }
};

/** How much of the other's time, memory or work ours takes: below 1 is better, for rates as well. */
const costs = ({ ours, peer = [], unit }: Figure) => {
  const of = (ratio: number) => (unit === '/s' ? 1 / ratio : ratio);
  const spread = ratiosOf(ours, peer).map(of);
  return {
    middle: of(median(ours) / median(peer)),
    spread: [quantile(spread, 0.25), quantile(spread, 0.75)] as const,
  };
};

const limitOf = (bench: string, { name, unit }: Figure): number | undefined => {
  const bar = barOf(bench, name);
  if (bar?.of !== 'ratio') return undefined;
  const limit = bar.most ?? bar.least;
  return limit === undefined || unit !== '/s' ? limit : 1 / limit;
};

/** What is worth a plot: what bars judge by a ratio, or else everything that stood beside somebody. */
const compared = (bench: string, { figures }: Report): readonly Figure[] => {
  // There is no ratio to nothing.
  const beside = figures.filter(({ ours, peer = [] }) => median(ours) > 0 && median(peer) > 0);
  const judged = beside.filter((figure) => limitOf(bench, figure) !== undefined);
  return judged.length > 0 ? judged : beside;
};

/** Powers of two around everything that is shown. */
const around = (values: readonly number[]) => ({
  min: 2 ** Math.floor(Math.log2(Math.min(0.5, ...values))),
  max: 2 ** Math.ceil(Math.log2(Math.max(2, ...values))),
});

/** Room for names. Without a browser nobody measures text; a letter of this size is no wider. */
const leftOf = (names: readonly string[]): number => 16 + 7 * Math.max(...names.map((name) => name.length));

/** Ratios to who stood beside, with quartiles and bars. @returns undefined where nobody did */
export const ratioPlot = (bench: string, report: Report): string | undefined => {
  const figures = compared(bench, report);
  if (figures.length === 0) return undefined;
  const rows = figures.map((figure, at) => ({ at, ...costs(figure), limit: limitOf(bench, figure) }));
  const limits = rows.flatMap(({ at, limit }) => (limit === undefined ? [] : [[limit, at]]));
  const whiskers = rows.map(
    ({ at, spread: [low, high] }): SeriesOption => ({
      type: 'line',
      symbol: 'none',
      lineStyle: { color: '#808080', width: 2 },
      data: [
        [low, at],
        [high, at],
      ],
    }),
  );
  const points = rows.map(({ at, middle }) => ({
    value: [middle, at],
    itemStyle: { color: middle <= 1 ? ahead : behind },
    label: { show: true, position: 'top' as const, distance: 2, formatter: middle.toFixed(2), ...words },
  }));
  const bounds = around(rows.flatMap(({ middle, spread, limit }) => [middle, ...spread, limit ?? middle]));
  const names = figures.map(({ name, peerName }) =>
    peerName === undefined ? name : `${name} / ${peerName}`,
  );
  return drawn(90 + rowHeight * rows.length, {
    title: { text: 'Shiplog by the other: left of 1 is ahead', textStyle: { ...words, fontSize: 13 } },
    grid: { left: leftOf(names), right: 30, top: 40, bottom: 40 },
    xAxis: { type: 'log', logBase: 2, ...bounds, axisLabel: { ...words, formatter: '{value} ×' } },
    yAxis: { type: 'category', data: names, inverse: true, axisLabel: words, axisTick: { show: false } },
    series: [
      ...whiskers,
      { type: 'scatter', symbolSize: 9, data: points },
      {
        type: 'scatter',
        symbol: 'rect',
        symbolSize: [2, 16],
        itemStyle: { color: '#808080' },
        data: limits,
      },
      {
        type: 'line',
        symbol: 'none',
        lineStyle: { color: '#808080', type: 'dashed', width: 1 },
        data: [
          [1, 0],
          [1, rows.length - 1],
        ],
      },
    ],
  });
};

/** Lines over sizes or over time. */
export const seriesPlot = ({ title, x, y, lines }: Series): string => {
  const axis = ({ name, log }: Series['x']) => ({
    type: log ? ('log' as const) : ('value' as const),
    name,
    nameLocation: 'middle' as const,
    nameGap: 34,
    axisLabel: words,
  });
  return drawn(300, {
    title: { text: title, textStyle: { ...words, fontSize: 13 } },
    legend: { show: lines.length > 1, top: 34, textStyle: words },
    grid: { left: 40, right: 30, top: 70, bottom: 40, containLabel: true },
    xAxis: axis(x),
    yAxis: axis(y),
    series: lines.map(({ name, points }) => ({
      type: 'line',
      name,
      data: points.map(([across, up]) => [across, up]),
      symbolSize: 6,
      showSymbol: points.length <= 30,
    })),
  });
};
