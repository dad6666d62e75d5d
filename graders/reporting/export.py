"""A report as JSON: the facts of the page, in a form that docs/howto/report.md describes and that only grows."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from graders.reporting.facts import ClassFacts, Shared
from graders.reporting.items import Item
from graders.reporting.misconceptions import Group
from graders.reporting.similar import Cluster

#: Raised when a field goes or changes its meaning; new fields do not raise it.
VERSION = 1


def report_json(facts: ClassFacts) -> str:
    """The report as JSON text.

    >>> from graders.reporting.data import ClassResults
    >>> from graders.reporting.facts import gather
    >>> json.loads(report_json(gather(ClassResults("c", "hw", (), (), {}))))["scores"]["count"]
    0
    """
    return json.dumps(as_data(facts), indent=2, allow_nan=False)


def as_data(facts: ClassFacts) -> dict[str, Any]:
    """The report as what JSON can hold."""
    scores = facts.scores
    return {
        "format": "torchmagic report",
        "version": VERSION,
        "course": facts.course,
        "assignment": facts.assignment,
        "anonymous": facts.anonymous,
        "students": len(facts.students),
        "counted": facts.counted,
        "scores": {
            "count": scores.count,
            "max_score": scores.max_score,
            "mean": scores.mean,
            "median": scores.median,
            "deviation": scores.deviation,
            "quartiles": None if scores.quarter is None else [scores.quarter, scores.three_quarters],
            "lowest": scores.low,
            "highest": scores.high,
            "full": scores.full,
            "zero": scores.zero,
            "histogram": [{"from": one.low, "to": one.high, "count": one.count} for one in scores.bins],
        },
        "outcomes": dict(facts.outcomes),
        "grader_errors": [
            {"place": one.place, "message": one.message, "students": list(one.students)} for one in facts.grader_errors
        ],
        "questions": [_item(one) for one in facts.items],
        "misconceptions": [_shared(one) for one in facts.shared],
        "blank": None if facts.blank is None else _group(facts.blank),
        "not_graded": [
            {"student": one.student, "outcome": one.outcome, "message": one.message} for one in facts.ungraded
        ],
        "needs_manual_grade": [one.student for one in facts.waiting],
        "late": [{"student": one.student, "penalty": one.late_penalty} for one in facts.late],
        "not_tamper_proof": [
            {"notebook": one.notebook, "cell": one.name, "points": one.points, "submissions": one.students}
            for one in facts.beside
        ],
        "slowest_cells": [
            {
                "notebook": one.notebook,
                "cell": one.name,
                "runs": one.runs,
                "median_seconds": one.median,
                "longest_seconds": one.most,
                "share": one.share,
            }
            for one in facts.slow
        ],
        "similar": None
        if facts.similar is None
        else {
            "compared": facts.similar.compared,
            "bits_needed": facts.similar.bits if math.isfinite(facts.similar.bits) else None,
            "clusters": [_cluster(one, facts.anonymous) for one in facts.similar.clusters],
        },
        "results": [
            {
                "student": one.student,
                "score": one.score,
                "max_score": one.max_score,
                "late_penalty": one.late_penalty,
                "outcome": one.outcome,
            }
            for one in facts.students
        ],
    }


def _item(item: Item) -> Mapping[str, Any]:
    return {
        "notebook": item.question.notebook,
        "question": item.question.name,
        "points": item.question.points,
        "manual": item.question.manual,
        "counted": item.counted,
        "full": item.full,
        "partial": item.partial,
        "wrong": item.zero,
        "blank": item.blank,
        "stopped": item.stopped,
        "no_score": item.waiting,
        "success": item.success,
        "discrimination": item.discrimination,
        "warning": item.warning,
        "median_seconds": item.median_seconds,
        "seconds_95_percent": item.slow_seconds,
    }


def _group(group: Group) -> dict[str, Any]:
    return {
        "kind": group.kind,
        "name": group.name,
        "title": group.title,
        "count": len(group.students),
        "students": list(group.students),
        "points_lost": group.points,
        "questions": [
            {"notebook": question.notebook, "question": question.name, "count": count}
            for question, count in group.questions
        ],
    }


def _shared(shared: Shared) -> dict[str, Any]:
    example = shared.example
    return {
        **_group(shared.group),
        "example": None
        if example is None
        else {
            "question": example.question.name,
            "answer": example.answer,
            "asked": example.asked,
            "message": example.message,
        },
    }


def _cluster(cluster: Cluster, anonymous: bool) -> Mapping[str, Any]:
    """Who wrote alike; an anonymous report only says how many, as their scores stand beside their numbers."""
    if anonymous:
        return {"count": len(cluster.students), "identical": cluster.identical}
    return {
        "count": len(cluster.students),
        "identical": cluster.identical,
        "students": list(cluster.students),
        "pairs": [
            {"students": list(one.students), "alike": one.alike, "bits": one.bits, "words": list(one.words)}
            for one in cluster.pairs
        ],
    }
