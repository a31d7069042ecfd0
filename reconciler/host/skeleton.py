"""What a private instance starts from: the smallest main.cf and master.cf that serve, send and deliver."""

from __future__ import annotations

_MAIN_CF = """\
compatibility_level = 3.6
queue_directory = {root}/queue
data_directory = {root}/data
maillog_file = {root}/log/mail.log
maillog_file_prefixes = {root}/log
syslog_name = postfix-{name}

myhostname = {name}
mydestination = $myhostname
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
smtp_host_lookup = native

alias_maps =
alias_database =
local_recipient_maps =
local_transport = virtual
virtual_mailbox_domains =
virtual_mailbox_base = {root}/mail
virtual_mailbox_maps = static:inbox/
virtual_minimum_uid = {uid}
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}
"""

_MASTER_CF = """\
# service              type       private unpriv  chroot  wakeup  maxproc command + args
127.0.0.1:{port:<12} inet       n       -       {chroot}       -       -       smtpd
pickup                 unix       n       -       {chroot}       60      1       pickup
cleanup                unix       n       -       {chroot}       -       0       cleanup
qmgr                   unix       n       -       n       300     1       qmgr
tlsmgr                 unix       -       -       {chroot}       1000?   1       tlsmgr
rewrite                unix       -       -       {chroot}       -       -       trivial-rewrite
bounce                 unix       -       -       {chroot}       -       0       bounce
defer                  unix       -       -       {chroot}       -       0       bounce
trace                  unix       -       -       {chroot}       -       0       bounce
verify                 unix       -       -       {chroot}       -       1       verify
flush                  unix       n       -       {chroot}       1000?   0       flush
proxymap               unix       -       -       n       -       -       proxymap
proxywrite             unix       -       -       n       -       1       proxymap
smtp                   unix       -       -       {chroot}       -       -       smtp
relay                  unix       -       -       {chroot}       -       -       smtp
showq                  unix       n       -       {chroot}       -       -       showq
error                  unix       -       -       {chroot}       -       -       error
retry                  unix       -       -       {chroot}       -       -       error
discard                unix       -       -       {chroot}       -       -       discard
local                  unix       -       n       n       -       -       local
virtual                unix       -       n       n       -       -       virtual
lmtp                   unix       -       -       {chroot}       -       -       lmtp
anvil                  unix       -       -       {chroot}       -       1       anvil
scache                 unix       -       -       {chroot}       -       1       scache
postlog                unix-dgram n       -       n       -       1       postlogd
"""


def main_cf(root: str, name: str, uid: int, gid: int) -> str:
    """Everything below `root`; mail for `name` goes to a maildir that belongs to `uid` and `gid`."""
    return _MAIN_CF.format(root=root, name=name, uid=uid, gid=gid)


def master_cf(port: int, *, chroot: bool) -> str:
    """Every service of a mail host, smtpd on 127.0.0.1:`port`; `chroot` as Debian has it."""
    return _MASTER_CF.format(port=port, chroot="y" if chroot else "n")
