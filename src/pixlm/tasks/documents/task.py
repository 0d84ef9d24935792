"""What tasks on pages share: reading records, prompts in the three architectures' ways, answers back from tokens."""

from __future__ import annotations

import copy
import dataclasses
import functools
import importlib.util
import re
from abc import abstractmethod
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, cast

import numpy as np
import tyro
from PIL import Image

from pixlm.data.encoders import InputEncoder, Text
from pixlm.data.pages.augment import Augment
from pixlm.data.pages.encoders import DonutPages, PageEncoder
from pixlm.data.pages.example import (
    BytesImage,
    DecodedImage,
    DocumentExample,
    FileImage,
    ImageSource,
    PageExample,
    PageSample,
)
from pixlm.data.pages.facts import PageRecord
from pixlm.data.pages.folders import read_pages
from pixlm.data.pages.images import check_page, open_page
from pixlm.data.pages.naming import PAGES
from pixlm.data.pages.shards.examples import ShardExamples
from pixlm.data.pages.shards.names import LIST, expand
from pixlm.data.pages.shards.stream import fetched
from pixlm.data.readers.problems import Problems, finish
from pixlm.data.splits import Naming
from pixlm.errors import UsageError
from pixlm.models.document import Writing
from pixlm.models.heads import Head
from pixlm.tasks.base import Prediction, Task, TaskOptions
from pixlm.tasks.documents.tags import SEPARATOR
from pixlm.tasks.objective import Objective
from pixlm.tasks.objectives.sequence_to_sequence import SequenceToSequence

NO_PROMPT = "none"
"""The prompt of a model that is told nothing, since it has one thing to do."""

PagePrediction = Prediction[PageExample]
"""``value``: text, or a JSON value, as the task has it."""


@dataclass
class DocumentOptions(TaskOptions):
    """What a run may choose about a task on pages; stored with the model."""

    scoring: Annotated[Literal["all", "upstream"], tyro.conf.arg(prefix_name=False)] = "all"
    """Whose definitions to score by: all has the corrected ones, upstream those of pixparse."""
    start: str = ""
    """Token that tells Donut's decoder what to do, such as <s_cord-v2>; not given: the task's own."""
    prompt: str = ""
    """What models are told that read a prompt (a header for Pix2Struct, tokens for PaLI); none: nothing, which leaves
    the page all the room; not given: the task's own."""
    augment: Literal["none", "better", "nougat"] = "none"
    """Distort pages in training: pixparse's mild list or Nougat's."""
    max_new_tokens: int | None = None
    """Tokens of the longest answer; not given: what the decoder has room for."""
    min_new_tokens: int = 0
    """Tokens of the shortest answer."""
    num_beams: int = 1
    """Answers followed at a time in the search; 1 is greedy."""
    loop_tokens: int = 32
    """Stop an answer that ends with so many tokens of one unit over and over; 0 lets it run."""
    loop_repeats: int = 4
    """How often at least that unit stands there."""
    no_repeat_ngram_size: int = 0
    """Tokens that never come twice in the same order; 0 allows all."""


@dataclass(frozen=True)
class DocumentTask(Task[PageExample]):
    """A task whose model sees a page and writes text.

    start: the token that Donut's decoder is given first; prompt: what other architectures are told; tags: tokens that
    the targets of the train split need, known after :meth:`fitted`, which the tokenizer must have.
    """

    name: str
    metric: str
    recipe: Mapping[str, Any]
    start: str
    options: DocumentOptions
    prompt: str = ""
    tags: tuple[str, ...] = ()
    naming: Naming = PAGES
    head: Head = Head.SEQUENCE_TO_SEQUENCE

    questions: ClassVar[bool] = False
    """Whether files that ask questions are preferred to others in the same folder."""
    wanted: ClassVar[str]
    """What an example must have to be learnt from, for messages."""

    # Reading

    @abstractmethod
    def examples(self, record: PageRecord) -> list[PageExample]:
        """What a record has for this task; with ``targets`` None where it does not say what is right."""

    def reader(  # type: ignore[override]
        self, path: Path, /, *, labelled: bool, problems: Problems
    ) -> list[PageExample]:
        """The examples of a file or folder; see :func:`~pixlm.data.pages.folders.read_pages`."""
        records = read_pages(path, labelled=labelled, problems=problems, questions=self.questions)
        found = []
        for record in records:
            examples = self.examples(record)
            if labelled and not any(example.targets for example in examples):
                problems.skip(record.where, f"{self.wanted} are missing")
                continue
            found += [example for example in examples if example.targets or not labelled]
        return finish(found, path, problems, holds=f"pages with {self.wanted}" if labelled else "pages")

    def read(
        self, paths: Sequence[Path], *, labelled: bool = True, problems: Problems | None = None
    ) -> list[PageExample]:
        """As for other tasks; of tar shards, and of lists of them (``.shards``), a sequence whose samples are read when
        they are asked for."""
        problems = problems or Problems()
        shards = [path for path in paths if path.suffix in (".tar", LIST)]
        if not shards:
            return super().read(paths, labelled=labelled, problems=problems)
        if len(shards) < len(paths):
            raise UsageError(f"{shards[0]}: shards and other files in one split")
        names = [fetched(name, commands=problems.commands) for path in shards for name in expand(str(path))]
        found = ShardExamples(names, self.examples, labelled=labelled, problems=problems)
        return cast("list[PageExample]", found)  # a sequence as good as a list for all that is done with it

    def example(self, given: Any, id: str) -> PageExample:
        prompt = ""
        if isinstance(given, Mapping):
            given = (given.get("image"), given.get("question", ""))
        if isinstance(given, tuple | list) and len(given) == 2:
            given, prompt = given
        source = image_source(given)
        if source is None or not isinstance(prompt, str):
            raise UsageError(f"{self.name} takes the path of an image or PDF, its bytes or a PIL image, not {given!r}")
        return PageExample(id=id, image=source, prompt=prompt)

    # What is learnt

    def text(self, example: PageExample | DocumentExample) -> str:
        """Everything that is written about an example, which a new tokenizer is trained on."""
        texts = ([page.prompt, *map(self.written, page.targets or ())] for page in every_page([example]))
        return "\n".join(text for page in texts for text in page)

    def labels(self, examples: Sequence[PageExample]) -> list[str]:
        return []

    @property
    def special_tokens(self) -> list[str]:
        """Tokens that the tokenizer must have for this task."""
        return sorted({self.start_token, SEPARATOR, *self.tags})

    def tokens(self, examples: Sequence[PageExample]) -> Collection[str]:
        return self.special_tokens

    def texts(self, examples: Sequence[PageExample]) -> Iterable[Text]:
        """What is written without its tags, which are tokens anyway."""
        tags = re.compile("|".join(map(re.escape, self.special_tokens)))
        return (part for example in examples for part in tags.split(self.text(example)) if part)

    @property
    def start_token(self) -> str:
        return self.options.start or self.start

    def asked(self, example: PageExample) -> tuple[str, str]:
        """(the decoder's start, the same as plain text)."""
        return self.start_token, self.instruction

    @property
    def instruction(self) -> str:
        """What models that read a prompt are told about every page, "" for nothing."""
        given = self.options.prompt
        return "" if given == NO_PROMPT else given or self.prompt

    @abstractmethod
    def written(self, target: Any, *, prompted: bool = True) -> str:
        """A target as what is to be written; ``prompted``: after tokens that say what the task is (Donut)."""

    @abstractmethod
    def read_back(self, text: str) -> Any:
        """What a model has written as a value of the kind that targets are. Never an error."""

    def sample(
        self,
        example: PageExample | DocumentExample,
        rng: np.random.Generator | None,
        *,
        dpi: int = 150,
        prompted: bool = True,
    ) -> PageSample:
        """One visit; see :class:`~pixlm.data.pages.example.Sampler`."""
        if isinstance(example, DocumentExample):
            pages = example.pages
            example = first_page(example) if rng is None else pages[int(rng.integers(len(pages)))]
        image = open_page(example.image, example.page, dpi=dpi)
        return self.shown(example, image, rng, prompted=prompted)

    def shown(
        self, example: PageExample, image: Image.Image, rng: np.random.Generator | None, *, prompted: bool
    ) -> PageSample:
        """The sample of an open page."""
        start, prompt = self.asked(example)
        target = None
        if example.targets:
            chosen = example.targets[0 if rng is None else int(rng.integers(len(example.targets)))]
            target = self.written(chosen, prompted=prompted)
        return PageSample(image, start, prompt, target)

    def objective(self, encoder: InputEncoder, labels: Sequence[str]) -> Objective:
        require_scorers()
        pages = self.page_encoder(encoder)
        return SequenceToSequence(pages, self.sampler(pages), writing=self.writing)

    @property
    def writing(self) -> Writing:
        """How answers are searched for; raises UsageError for numbers out of range, naming the flag."""
        try:
            return Writing(**{item.name: getattr(self.options, item.name) for item in dataclasses.fields(Writing)})
        except UsageError as error:
            name, _, rest = str(error).partition(" ")
            raise UsageError(f"--task.{name.replace('_', '-')} {rest}") from None

    def page_encoder(self, encoder: InputEncoder) -> PageEncoder:
        """``encoder`` with this task's distortions; UsageError for one that reads text."""
        if not isinstance(encoder, PageEncoder):
            raise UsageError(f"{self.name} needs a model that reads pages, such as donut-tiny, not one that reads text")
        own = copy.copy(encoder)
        own.augment = Augment(self.options.augment)
        return own

    def sampler(self, encoder: PageEncoder) -> functools.partial[PageSample]:
        """:meth:`sample` as this encoder needs it."""
        return functools.partial(self.sample, dpi=encoder.settings.dpi, prompted=isinstance(encoder, DonutPages))

    def rows(
        self, examples: Sequence[PageExample], encoder: InputEncoder, *, training: bool = False
    ) -> tuple[Sequence[Any], np.ndarray]:
        return examples, np.ones(len(examples), np.float32)

    # What comes out

    def finish(
        self, examples: Sequence[PageExample], rows: Sequence[Any], reduced: Sequence[Any]
    ) -> list[PagePrediction]:
        return [Prediction(first_page(examples[row.index]), self.read_back(row.value)) for row in reduced]

    def metrics(self, predictions: Sequence[PagePrediction]) -> dict[str, float]:
        known = [(p.example, p.value) for p in predictions if p.example.targets]
        if not known:
            return {}
        return self.scores([example for example, _ in known], [value for _, value in known])

    @abstractmethod
    def scores(self, examples: Sequence[PageExample], given: Sequence[Any]) -> dict[str, float]:
        """Scores of values for examples that have targets."""

    def record(self, prediction: PagePrediction) -> dict[str, Any]:
        example = prediction.example
        place = {"file": example.image.name, **({"page": example.page + 1} if example.page else {})}
        asked = {"question": example.prompt} if example.prompt else {}
        return {**place, **asked, "prediction": prediction.value}


def pages_of(task: DocumentTask, paths: Sequence[Path], prompts: Sequence[str] = ()) -> list[PageExample]:
    """An example of every page of image files and PDFs, and of every question about it.

    Raises:
        UsageError: a file that cannot be read as pages, or a task that needs a question.
    """
    found: list[PageExample] = []
    for path in paths:
        source = FileImage(path)
        for page in range(check_page(source)):
            for prompt in prompts or ("",):
                given = task.example((path, prompt), str(len(found) + 1))
                found.append(dataclasses.replace(given, page=page))
    return found


def every_page(examples: Iterable[PageExample | DocumentExample]) -> Iterator[PageExample]:
    """The pages of examples, those of documents one by one."""
    for example in examples:
        yield from example.pages if isinstance(example, DocumentExample) else (example,)


def first_page(example: PageExample | DocumentExample) -> PageExample:
    """The page that evaluation sees."""
    return example.pages[0] if isinstance(example, DocumentExample) else example


def image_source(given: Any) -> ImageSource | None:
    """The image that a Python caller means; None if that is none."""
    if isinstance(given, str | Path):
        return FileImage(Path(given).expanduser())
    if isinstance(given, bytes):
        return BytesImage(given)
    if isinstance(given, Image.Image):
        return DecodedImage(given.convert("RGB"), "image")
    return None


def require_scorers() -> None:
    """UsageError where what scores need is not installed: before training, not after it."""
    if importlib.util.find_spec("apted") is None:
        raise UsageError('tasks on documents need apted: pip install "pixlm[train,documents]"')
