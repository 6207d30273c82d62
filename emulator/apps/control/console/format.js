// Numbers, times and bytes as people read them.

const WHOLE = new Intl.NumberFormat("en");

export const number = (value) => (value === null || value === undefined ? "–" : WHOLE.format(value));

export function bytes(count) {
  for (const unit of ["B", "kB", "MB", "GB"]) {
    if (count < 1000 || unit === "GB") return `${unit === "B" || count >= 100 ? Math.round(count) : count.toFixed(1)} ${unit}`;
    count /= 1000;
  }
  return "";
}

export function duration(ms) {
  if (ms === null || ms === undefined) return "–";
  if (ms < 1) return `${Math.round(ms * 1000)} µs`;
  if (ms < 1000) return `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`;
  const units = [["d", 86_400_000], ["h", 3_600_000], ["m", 60_000], ["s", 1000]];
  const first = units.findIndex(([, size]) => ms >= size);
  return units.slice(first, first + 2).map(([unit, size]) => {
    const count = Math.floor(ms / size);
    ms -= count * size;
    return count ? `${count} ${unit}` : "";
  }).filter(Boolean).join(" ");
}

/** Milliseconds since the epoch, any 64 bits: not all of them are a date. */
export function moment(ms) {
  const date = new Date(ms);
  return Number.isNaN(date.getTime()) ? String(ms) : date.toISOString().replace("T", " ").replace("Z", "");
}

export const plural = (count, one, several = `${one}s`) => `${number(count)} ${count === 1 ? one : several}`;
