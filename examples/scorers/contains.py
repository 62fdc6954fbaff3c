#!/usr/bin/env python3
"""A scorer for evaluation.scorers: 1 where an answer holds the row's own, a half where they share a word, else 0."""
import json
import sys

for line in sys.stdin:  # one row a line: id, task, question, reference, answer
    row = json.loads(line)
    reference, answer = row["reference"].casefold().strip(" ."), row["answer"].casefold()
    shared = set(reference.split()) & set(answer.split())
    score = 1 if reference in answer else 0.5 if shared else 0
    print(json.dumps({"id": row["id"], "score": score}))
