"""Questions about pages (DocVQA, InfographicVQA, ChartQA, TextVQA)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, cast

from pixlm.data.pages.example import PageExample
from pixlm.data.pages.facts import PageRecord
from pixlm.data.pages.folders import questions_of
from pixlm.errors import UsageError
from pixlm.tasks.documents.task import DocumentOptions, DocumentTask, PagePrediction, every_page

_TAGS = ("</s_answer>", "</s_question>", "<s_answer>", "<s_question>")


@dataclass
class QuestionOptions(DocumentOptions):
    """Choices about questions; stored with the model."""

    lower_case: bool = False
    """Write questions in small letters, as Donut does; pixparse keeps them."""


@dataclass(frozen=True)
class PageQuestions(DocumentTask):
    """A question with its accepted answers; training draws one of them."""

    options: DocumentOptions = field(default_factory=QuestionOptions)
    tags: tuple[str, ...] = _TAGS
    questions: ClassVar[bool] = True
    wanted: ClassVar[str] = "questions with answers"

    def examples(self, record: PageRecord) -> list[PageExample]:
        return [
            PageExample(**{**record.place(), "id": id}, prompt=one.question, targets=one.answers or None)
            for id, one in questions_of(record).items()
        ]

    def example(self, given: Any, id: str) -> PageExample:
        example = super().example(given, id)
        if not example.prompt.strip():
            raise UsageError(
                f"{self.name} wants an image and a question: (image, question), or --question on the command line"
            )
        return example

    def asked(self, example: PageExample) -> tuple[str, str]:
        question = example.prompt.lower() if cast(QuestionOptions, self.options).lower_case else example.prompt
        start = f"{self.start_token}<s_question>{question}</s_question><s_answer>"
        return start, f"{self.instruction} {question}".strip()

    def written(self, target: Any, *, prompted: bool = True) -> str:
        return f"{target}</s_answer>" if prompted else str(target)

    def read_back(self, text: str) -> str:
        return text.split("</s_answer>")[0].strip()

    def scores(self, examples: Sequence[PageExample], given: Sequence[Any]) -> dict[str, float]:
        from pixlm.tasks.scoring.short_answers import anls, exact_match, relaxed_accuracy, soft_accuracy

        accepted = [[str(target) for target in example.targets or ()] for example in examples]
        scores = {
            "anls": anls(accepted, given, legacy=self.options.scoring == "upstream"),
            "exact_match": exact_match(accepted, given),
            "relaxed_accuracy": relaxed_accuracy(accepted, given),
        }
        if any(len(answers) >= _ANNOTATORS for answers in accepted):
            scores["soft_accuracy"] = soft_accuracy(accepted, given)
        return scores

    def baseline(self, train: Sequence[PageExample], predictions: Sequence[PagePrediction]) -> dict[str, float]:
        """constant: the answer that ``train`` has most often for the same question, else for any."""
        known = [prediction.example for prediction in predictions if prediction.example.targets]
        counts: dict[str, Counter[str]] = {}
        for example in every_page(train):
            for target in (example.targets or ())[:1]:
                for question in (example.prompt, ""):
                    counts.setdefault(question, Counter())[str(target)] += 1
        if not known or not counts:
            return {}
        usual = [counts.get(example.prompt, counts[""]).most_common(1)[0][0] for example in known]
        return {f"constant_{name}": value for name, value in self.scores(known, usual).items()}


_ANNOTATORS = 10  # VQA's soft accuracy is about this many answers to a question

DOCVQA = PageQuestions(
    name="docvqa",
    metric="anls",
    start="<s_docvqa>",
    # Donut's recipe (its paper, appendix A.6): 300 epochs, gradients of 0.25 at most.
    recipe={
        "train": {"learning_rate": 3e-5, "batch_size": 8, "epochs": 300, "warmup": 0.05, "max_grad_norm": 0.25},
    },
)
"""Answers to questions about a page: DocVQA's files, or rows of image, question and answers."""
