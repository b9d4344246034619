# The usual commands on text and files.
seq 1 20 > n; awk '{ s += $1; if ($1 % 5 == 0) print NR, s } END { printf "%.2f\n", s / NR }' n
sed -n '/^1/{s/1/one-/;p}' n | head -n 3; sed 's/\([0-9]\)\([0-9]\)/\2\1/' n | tail -n 2
grep -c 1 n; grep -v 1 n | wc -w; grep -E '^(3|7)$' n
cut -c1 n | sort | uniq -c | sort -rn | head -n 2
paste -d, <(head -n 3 n) <(tail -n 3 n); tac n | head -n 2; nl n | tail -n 1; rev <<< abc; fold -w 4 <<< abcdefghij
mkdir -p t/a/b; echo x > t/a/one; echo y > t/a/b/two; ln -s one t/a/link; chmod 640 t/a/one
find t | sort; find t -type f -exec cat {} + | sort; find t -name 't*' -type f
tar cf t.tar t; tar tf t.tar | sort; mkdir out; tar xf t.tar -C out; diff -r t out/t && echo equal
gzip -c n | gunzip | md5sum; echo hello | sha256sum; printf 'abc' | base64; printf abc | xxd; printf abc | od -c
cp -r t u; mv u v; rm -r v; ls; ls -l t/a | awk '/^[-l]/ { print $1, $5, $NF }'
stat -c '%a %s %F' t/a/one; du -s t >/dev/null && echo du; wc n; head -c 5 n | wc -c; dd if=n of=m bs=7 count=2 2>/dev/null; wc -c < m
expr 6 \* 7; echo '3 4 + p' | dc; echo 'scale=5; 22/7' | bc; factor 360; seq -s, 1 5; printf '%s\n' b a c | sort; tr -d aeiou <<< 'some vowels'
date -u -d @86400 +%Y-%m-%dT%H:%M:%S; basename /a/b.c .c; dirname /a/b.c; test -d t && echo directory; realpath --help >/dev/null 2>&1; readlink t/a/link; which nosuch; echo $?; env -i A=1 env; cmp n m 2>&1 | sed 's/EOF.*/EOF/'; tail -c 3 n; yes x | head -n 2; touch -d @0 old; find . -name old -mtime +100; strings - <<< "text here" | head -n 1; md5sum n m | cut -c1-8; timeout 5 true; echo $?; sleep 0; mktemp -u zXXXXXX | cut -c1; truncate -s 100 big; wc -c < big; od -An -tx1 -N4 n; printf 'a,b\nc,d\n' | awk -F, '{ print $2 }'; echo "a b" | xargs -n1 echo; id -u; whoami; hostname >/dev/null; uname -s; patch --help >/dev/null 2>&1; echo end
