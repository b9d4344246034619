# Redirections and descriptors.
echo first > f; echo second >> f; cat < f
exec 3<> f; read -r x <&3; echo "read $x"; echo REPLACED >&3; exec 3>&-; cat f
set -C; echo no > f; echo "noclobber $?"; echo yes >| f; cat f; set +C
{ echo out; echo err >&2; } &> both; sort both
{ echo a; echo b >&2; } 2>&1 | sort
ls /nowhere 2>/dev/null; echo "status $?"
exec {fd}> g; echo "to $((fd >= 10))" >&$fd; exec {fd}>&-; cat g
echo x >&9; echo "bad descriptor $?"
read -r line < /dev/null; echo "empty $?"
cat 0<<END 4>&1 | tr a-z A-Z
here
END
(echo inner; exec >/dev/null; echo lost); echo done
mapfile -t lines < <(printf '%s\n' a b c); echo "${#lines[@]} ${lines[2]}"
while IFS=: read -r name _ uid _; do echo "$name=$uid"; done <<< "root:x:0:0
user:x:7:7"
read -r -t 0.1 y < <(sleep 1); echo "timeout $(($? > 128))"
read -r -n 3 z <<< abcdef; echo "$z"
printf 'a\0b\0' | while IFS= read -r -d '' part; do echo "[$part]"; done
: > empty; [ -s empty ] || echo "is empty"; [ -e none ] || echo "is not there"
ln -s f link; [ -L link ] && [ f -ef link ] && echo "same file"
umask 077; : > private; stat -c %a private
printf '%s\n' "${BASH_SUBSHELL}" "$( (echo $BASH_SUBSHELL) )"
ulimit -n 20; exec 5<f 6<f; for i in 1; do bash -c 'ulimit -n'; done
