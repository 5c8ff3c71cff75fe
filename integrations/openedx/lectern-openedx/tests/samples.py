"""What several tests use."""

SAMPLE_RUBRIC = {
    "prompts": [{"description": "Create a plan to deliver ora2!"}],
    "criteria": [
        {
            "order_num": 0,
            "name": "realistic",
            "prompt": "Is the deadline realistic?",
            "options": [
                {"order_num": 0, "points": 0, "name": "No", "explanation": "We need more time!"},
                {"order_num": 1, "points": 2, "name": "Yes", "explanation": "We got this."},
            ],
        }
    ],
}
"""ORA's own, of the docstring of rubric_from_dict."""

RUBRIC = {
    "prompts": [{"description": "What is a cell?"}],
    "criteria": [
        {
            "name": "ideas",
            "label": "Ideas",
            "prompt": "Are they right?",
            "feedback": "optional",
            "options": [{"name": "poor", "points": 0}, {"name": "fair", "points": 1}, {"name": "good", "points": 3, "explanation": "All of it."}],
        },
        {"name": "style", "prompt": "Is it clear?", "feedback": "disabled", "options": [{"name": "no", "points": 0}, {"name": "yes", "points": 2}]},
        {"name": "advice", "prompt": "What next?", "feedback": "required", "options": []},
    ],
}
