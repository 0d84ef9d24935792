"""Commands on what is on this machine use no network."""

from __future__ import annotations

import socket


def test_a_run_on_local_files_connects_to_nothing(treebank, texts, tmp_path, pixlm, monkeypatch):
    """Training, evaluating, labelling and drawing; names are not even looked up."""
    tried = []

    def refused(*arguments, **keywords):
        tried.append(arguments)
        raise OSError("no network here")

    for name in ("connect", "connect_ex", "sendto"):
        monkeypatch.setattr(socket.socket, name, refused)
    for name in ("getaddrinfo", "create_connection", "gethostbyname"):
        monkeypatch.setattr(socket, name, refused)
    run = tmp_path / "run"
    few = ("--train.max-steps", "2", "--train.batch-size", "4", "--render.max-seq-length", "63")
    test = next(treebank.glob("*-test.conllu"))
    for command in (
        ("finetune", "pos", "--model", "pixel-nano", "--data", treebank, "--output", run, *few),
        ("evaluate", "pos", "--model", run, "--data", treebank),
        ("predict", "pos", "--model", run, "--data", test, "--output", tmp_path / "labels"),
        ("render", "some text", "--output", tmp_path / "text.png"),
        ("pretrain", "--model", "pixel-nano", "--data", texts, "--output", tmp_path / "more", *few),
    ):
        code, _, error = pixlm(*command)
        assert code == 0, error
    assert tried == []
