"""The medians as plain text: a column a server, the emulator's ratios, the goal and whether it is met."""

OWN = "emulator"


def verdict(row, own, of):
    """'met', 'missed', or which reference was not there to tell."""
    missed = False
    for _, test in row.goals:
        try:
            missed = missed or not test(own, of)
        except KeyError as absent:
            return f"no {absent.args[0]}"
    return "missed" if missed else "met"


def lines(rows, medians, names):
    others = [name for name in names if name != OWN]
    own_there = OWN in names
    yield ["", ""] + names + [f"{OWN}/{other}" for other in others if own_there] + ["goal", ""][:2 * own_there]
    for key, row in rows.items():
        of = medians.get(key)
        if not of:
            continue
        cells = [row.title, row.unit] + [f"{of[name]:.{row.digits}f}" if name in of else "-" for name in names]
        if own_there:
            own = of.get(OWN)
            cells += [f"{own / of[other]:.2f}" if own is not None and of.get(other) else "-" for other in others]
            cells.append(", ".join(text for text, _ in row.goals))
            if row.goals:
                stored = medians.get("stored", {}).get(OWN)
                known = of if stored is None else {**of, "stored": stored}
                cells.append("-" if own is None else verdict(row, own, known))
        yield cells


def render(rows, medians, names):
    """`medians` is {row key: {server name: value}}; rows without any value are left out."""
    table = list(lines(rows, medians, names))
    width = max(map(len, table))
    table = [cells + [""] * (width - len(cells)) for cells in table]
    widths = [max(len(cells[column]) for cells in table) for column in range(width)]
    left = {0, 1, width - 2, width - 1} if OWN in names else {0, 1}
    return "\n".join("  ".join(
        cell.ljust(widths[column]) if column in left else cell.rjust(widths[column])
        for column, cell in enumerate(cells)).rstrip() for cells in table)
