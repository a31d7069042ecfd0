"""Private instances serve, send, deliver, and leave nothing behind."""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path

import pytest

from reconciler.host.instance import DidNotStart, PrivateInstance, workspace
from reconciler.host.ports import free_port

pytestmark = pytest.mark.postfix


def test_an_instance_greets_with_its_own_name(instances):
    instance = instances("mx1.test")
    assert instance.wait_for_banner(instance.smtpd_port).startswith("220 mx1.test ")


def test_mail_for_its_own_name_arrives_in_its_maildir(instances):
    instance = instances("mx1.test")
    instance.sendmail("a@sender.test", ["b@mx1.test"], "over the moon")
    assert "status=sent (delivered to maildir)" in instance.wait_for_log("status=")
    (message,) = instance.delivered()
    assert message.endswith(b"\n\nover the moon\n")


def test_two_instances_talk_to_each_other(instances):
    peer = instances("peer.test")
    to_peer = f"inline:{{{{peer.test=smtp:[127.0.0.1]:{peer.smtpd_port}}}}}"
    sender = instances("mx1.test", main_cf_extra={"transport_maps": to_peer})
    sender.sendmail("a@mx1.test", ["b@peer.test"], "hello")
    assert "status=sent (250 2.0.0 Ok: queued" in sender.wait_for_log("status=")
    peer.wait_for_log("delivered to maildir")
    assert len(peer.delivered()) == 1


def test_nothing_is_left_running_after_an_instance_stopped(instances):
    instance = instances("mx1.test")
    master = instance.pid
    assert master in instance.processes()
    instance.stop()
    assert instance.pid is None
    assert instance.processes() == ()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", instance.smtpd_port))


def test_nothing_is_left_running_after_ctrl_c():
    with workspace() as directory:
        instance = PrivateInstance.create(directory, "mx1.test")
        with pytest.raises(KeyboardInterrupt), instance:
            raise KeyboardInterrupt
        assert instance.processes() == ()
    assert not Path(directory).exists()


def test_an_instance_starts_again_after_it_was_stopped(instances):
    instance = instances("mx1.test")
    instance.stop()
    with instance:
        assert instance.pid is not None


def test_a_configuration_that_cannot_serve_is_named_with_its_log(instances):
    instance = instances("mx1.test", started=False, main_cf_extra="service_throttle_time = 10q\n")
    with pytest.raises(DidNotStart, match=r"service_throttle_time.*10q"):
        instance.start()
    assert instance.processes() == ()


def test_a_reload_is_seen_in_the_log(instances):
    instance = instances("mx1.test")
    instance.configure(smtpd_banner="$myhostname ESMTP changed")
    instance.reload()
    assert "reload -- version" in instance.log()


def test_a_chrooted_instance_serves_too(instances):
    instance = instances("mx1.test", chroot=True)
    assert instance.wait_for_banner(instance.smtpd_port).startswith("220 ")


def test_the_tables_of_debians_dynamic_maps_work(instances):
    instance = instances("mx1.test", started=False)
    source = instance.write("table", "key value\n")
    assert instance.postfix.build("lmdb", source) == ()
    assert instance.postfix.query("lmdb", source, "key") == "value"


def test_nothing_of_an_instance_lies_outside_of_its_directory(instances):
    instance = instances("mx1.test", started=False)
    own = ("queue_directory", "data_directory", "maillog_file", "virtual_mailbox_base", "alias_database")
    values = instance.postfix.expanded(*own).values()
    assert all(value.startswith(instance.root) for value in values if value)


def test_the_queue_has_the_owners_that_postfix_wants(instances):
    queue = Path(instances("mx1.test", started=False).queue_directory)
    assert queue.stat().st_uid == 0
    assert (queue / "private").owner() == "postfix"
    assert (queue / "maildrop").group() == "postdrop"
    assert stat.S_IMODE((queue / "private").stat().st_mode) == 0o700


def test_a_port_is_given_once_even_to_two_processes():
    mine = {free_port() for _ in range(5)}
    read, write = os.pipe()
    child = os.fork()
    if not child:
        os.write(write, str(free_port()).encode())
        os._exit(0)
    os.waitpid(child, 0)
    theirs = int(os.read(read, 16))
    os.close(read)
    os.close(write)
    assert len(mine) == 5
    assert theirs not in mine
