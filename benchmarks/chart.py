"""Some of the medians as an SVG: a row's bars are in proportion to each other, for rows have units of their own."""

from html import escape

CHARTED = ("startup", "idle_rss", "produce_1", "produce_10", "sync_p50", "batches_produce", "batches_fetch", "small_consume", "large_produce")
NAMES = {"emulator": "this emulator", "kafka": "Apache Kafka 4.3.1", "kfake": "kfake"}
COLOURS = {"emulator": "#1a7f5a", "kafka": "#6e7781", "kfake": "#54aeff"}
LESS_IS_BETTER = ("s", "ms", "MB", "ms/MB")

WIDTH, LEFT, BAR, LINE, GAP, TOP = 860, 330, 400, 15, 14, 52


def svg(rows, medians, names):
    """`medians` is {row key: {server name: value}}; a row is drawn when two servers or more have a value."""
    drawn = [(rows[key], {name: medians[key][name] for name in names if name in medians[key]}) for key in CHARTED if len(medians.get(key, ())) > 1]
    parts, at = [*_legend(names)], TOP
    for row, values in drawn:
        parts += _row(row, values, at)
        at += len(values) * LINE + GAP
    head = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {at}" width="{WIDTH}" height="{at}" font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{at}" fill="#ffffff"/>',
    ]
    return "\n".join([*head, *parts, "</svg>"]) + "\n"


def _legend(names):
    x = LEFT
    for name in names:
        yield f'<rect x="{x}" y="16" width="12" height="12" fill="{COLOURS[name]}"/>'
        yield _text(x + 18, 26, NAMES[name])
        x += 30 + 8 * len(NAMES[name])


def _row(row, values, top):
    middle = top + len(values) * LINE / 2 + 4
    arrow = "less is better" if row.unit in LESS_IS_BETTER else "more is better"
    yield _text(LEFT - 12, middle - 7, row.title, anchor="end")
    yield _text(LEFT - 12, middle + 7, f"{row.unit}, {arrow}", anchor="end", fill="#6e7781", size=10)
    most = max(values.values())
    for number, (name, value) in enumerate(values.items()):
        y, length = top + number * LINE, max(value / most * BAR, 1)
        yield f'<rect x="{LEFT}" y="{y}" width="{length:.1f}" height="{LINE - 3}" fill="{COLOURS[name]}"/>'
        yield _text(LEFT + length + 6, y + 10, f"{value:.{row.digits}f}")


def _text(x, y, text, anchor="start", fill="#1f2328", size=12):
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{fill}" font-size="{size}">{escape(text)}</text>'
