#!/bin/sh
# The accounts, folders and settings of the hub: sh setup.sh GRADER STUDENT...
# It may be run again, with more students. Passwords are set with passwd or chpasswd.
set -eu
umask 022
COURSE=torch101
EXCHANGE=/srv/nbgrader/exchange
here=$(dirname "$(readlink -f "$0")")

[ $# -ge 1 ] || { echo "usage: sh setup.sh GRADER STUDENT..." >&2; exit 2; }
[ "$(id -u)" = 0 ] || { echo "setup.sh makes accounts: run it as root." >&2; exit 2; }
grader=$1
shift

groupadd --force graders
groupadd --force students

account() {  # NAME GROUP: an account whose home is closed to others
    id "$1" >/dev/null 2>&1 || useradd --create-home --user-group --shell /bin/bash "$1"
    usermod --append --groups "$2" "$1"
    chmod 700 "$(getent passwd "$1" | cut -d: -f6)"
}
account "$grader" graders
for student in "$@"; do account "$student" students; done

# The exchange. All may enter its root, as nbgrader asks, and nobody may move away what is another's (the 1 in 1777).
# Into inbound all may write, and nobody may look (3733); feedback opens for those who know a page's secret name (711).
install -d -m 755 "$(dirname "$EXCHANGE")"
install -d -m 1777 "$EXCHANGE"
install -d -m 755 -o "$grader" -g "$grader" "$EXCHANGE/$COURSE" "$EXCHANGE/$COURSE/outbound"
install -d -m 3733 -o "$grader" -g "$grader" "$EXCHANGE/$COURSE/inbound"
install -d -m 711 -o "$grader" -g "$grader" "$EXCHANGE/$COURSE/feedback"

# The hub's own folders, and the settings for each role.
install -d -m 700 /var/lib/jupyterhub
install -d -m 711 /srv/jupyterhub
install -d -m 755 /etc/jupyterhub
cp -R "$here/jupyterhub_config.py" "$here/everybody" "$here/grader" "$here/student" /etc/jupyterhub
chmod -R u=rwX,go=rX /etc/jupyterhub
