"""An assignment's report for its instructor: from results of grading to facts, and from facts to a page and to JSON."""
