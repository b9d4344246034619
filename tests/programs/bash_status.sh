# Exit statuses, errors of commands, arithmetic, expansion.
nosuchcommand 2>&1 | sed 's/.*: nosuch/nosuch/'; echo "${PIPESTATUS[0]}"
: > plain; ./plain; echo $?
chmod +x plain; ./plain; echo "empty script $?"
printf '#!/nonexistent\n' > bad; chmod +x bad; ./bad 2>/dev/null; echo $?
printf 'echo no shebang "$@"; exit 11\n' > bare; chmod +x bare; ./bare a b; echo $?
printf '#!/bin/sh -e\nfalse\necho never\n' > strict; chmod +x strict; ./strict; echo $?
printf '#!/usr/bin/env bash\necho "by env: $0 $1"\n' > env; chmod +x env; ./env x | sed 's,/.*/,,'
mkdir d; ./d 2>/dev/null; echo "directory $?"
bash -c 'exit 300'; echo $?
bash -n <<< 'if'; echo "syntax $?"
(set -e; false; echo never); echo "set -e $?"
(set -u; echo "$undefined") 2>/dev/null; echo "set -u $?"
x=$(exit 6); echo "substitution $?"
echo $((2 ** 40 % 1000)) $((0x7f & ~3)) $((-7 / 2)) $((5 > 3 ? 1 : 0))
a=(one two "three four"); echo "${#a[@]} ${a[-1]} ${a[@]:1:1}"
declare -A m=([k]=v [l]=w); echo "${m[k]}${m[l]} ${#m[@]}"
s=abcdefabc; echo "${s#*c} ${s##*c} ${s%b*} ${s/abc/X} ${s//abc/X} ${s^^} ${s:2:3} ${#s}"
echo {a,b}{1..3} "${undefined:-default}"
case file.txt in *.c) echo c;; *.txt) echo text;; esac
[[ abc123 =~ ^([a-z]+)([0-9]+)$ ]] && echo "${BASH_REMATCH[2]}${BASH_REMATCH[1]}"
f() { local v=$1; ((v > 0)) && f $((v - 1)); return $((v)); }; f 50; echo "function $?"
printf '%05d|%-6s|%x|%q\n' 42 ab 255 'a b'
select_() { select i in a b; do echo "chose $i"; break; done; }; echo 2 | select_ 2>/dev/null
IFS=,; set -- 1,2,3; echo $1; unset IFS
time_() { TIMEFORMAT=; time true; }; time_; echo "$?"
kill -l 9; kill -l TERM; echo "$(kill -l | wc -l)"
