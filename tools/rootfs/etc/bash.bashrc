# Read by interactive Bash.
case $- in
*i*)
    PS1='bash$ '
    shopt -s checkwinsize
    alias ls='ls --color=auto' ll='ls -l'
    ;;
esac
