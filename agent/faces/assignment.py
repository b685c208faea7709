"""Which detection belongs to which track: the cheapest assignment, and the cost of one pair."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from agent.types import Box

Costs = npt.NDArray[np.float64]


def distance(one: Box, other: Box) -> float:
    """1 - DIoU (Zheng et al. 2020, eq. 7), 0 to 2: it falls with the overlap of two boxes and,
    where there is none, still tells near from far.
    """
    (ax, ay), (bx, by) = one.centre, other.centre
    across = max(one.x + one.width, other.x + other.width) - min(one.x, other.x)
    down = max(one.y + one.height, other.y + other.height) - min(one.y, other.y)
    diagonal = across**2 + down**2
    apart = (ax - bx) ** 2 + (ay - by) ** 2
    return 1 - one.iou(other) + (apart / diagonal if diagonal else 0.0)


def assign(costs: Costs, limit: float) -> list[tuple[int, int]]:
    """The pairs (row, column) that save most, each row and column in one pair at most, where a
    pair saves `limit` minus its cost and none is made that saves nothing.

    Rows and columns that can only pair with each other are solved apart from the rest, so that a
    crowd costs little more than its largest knot.

    >>> assign(np.array([[0.1, 0.2], [0.1, 0.9]]), limit=1.0)
    [(0, 1), (1, 0)]
    """
    possible = costs < limit
    if not (possible.sum(axis=0) > 1).any() and not (possible.sum(axis=1) > 1).any():
        rows, columns = (numbers.tolist() for numbers in np.nonzero(possible))
        return list(zip(rows, columns, strict=True))
    pairs = []
    for rows, columns in _knots(possible):
        part = np.minimum(costs[np.ix_(rows, columns)], limit)
        solved = _solve(part) if len(rows) <= len(columns) else _solve(part.T)
        for i, j in enumerate(solved):
            row, column = (i, j) if len(rows) <= len(columns) else (j, i)
            if part[row, column] < limit:
                pairs.append((rows[row], columns[column]))
    return sorted(pairs)


def _knots(possible: npt.NDArray[np.bool_]) -> list[tuple[list[int], list[int]]]:
    """Rows and columns that hang together through possible pairs; loose ones are left out."""
    knots = []
    left = set(np.flatnonzero(possible.any(axis=1)).tolist())
    while left:
        rows, columns, fresh = set[int](), set[int](), {min(left)}
        while fresh:
            rows |= fresh
            columns |= {int(j) for i in fresh for j in np.flatnonzero(possible[i])}
            fresh = {int(i) for j in columns for i in np.flatnonzero(possible[:, j])} - rows
        left -= rows
        knots.append((sorted(rows), sorted(columns)))
    return knots


def _solve(costs: Costs) -> list[int]:
    """The column of each row in the cheapest full assignment; no more rows than columns.

    The Hungarian method by shortest augmenting paths (Jonker and Volgenant 1987): rows come in one
    by one, and potentials keep all reduced costs at or above zero. Column 0 is only where a path
    begins.
    """
    n, m = costs.shape
    row_potential, column_potential = np.zeros(n + 1), np.zeros(m + 1)
    row_of = np.zeros(m + 1, np.intp)  # the row that holds a column, from 1; 0 for a free one
    for row in range(1, n + 1):
        row_of[0] = row
        column = 0
        shortest = np.full(m + 1, np.inf)
        came_from = np.zeros(m + 1, np.intp)
        done = np.zeros(m + 1, np.bool_)
        while row_of[column]:
            done[column] = True
            holder = row_of[column]
            reduced = costs[holder - 1] - row_potential[holder] - column_potential[1:]
            better = ~done[1:] & (reduced < shortest[1:])
            shortest[1:][better] = reduced[better]
            came_from[1:][better] = column
            nearest = int(np.where(done, np.inf, shortest)[1:].argmin()) + 1
            step = shortest[nearest]
            row_potential[row_of[done]] += step
            column_potential[done] -= step
            shortest[~done] -= step
            column = nearest
        while column:
            row_of[column] = row_of[came_from[column]]
            column = int(came_from[column])
    columns = [0] * n
    for column in range(1, m + 1):
        if row_of[column]:
            columns[row_of[column] - 1] = column - 1
    return columns
