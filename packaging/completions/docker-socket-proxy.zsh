#compdef docker-socket-proxy
# zsh's completion of docker-socket-proxy: commands, and what may follow the words before.
local client=--client
local -a before=("${(@)words[2,CURRENT-1]}") methods=(GET HEAD POST PUT PATCH DELETE)
if [[ $#before -gt 2 && $before[2] == --client ]]; then
    before=(explain "${(@)before[4,-1]}") client=
fi
case "$#before $before[1,2]" in
"0 ") compadd -- explain healthcheck --help --version ;;
"1 explain") compadd -- $client --allowed --body --diff $methods ;;
"3 explain --body") compadd -- $methods ;;
"2 explain --body" | "2 explain --diff" | "3 explain --diff") _files ;;
esac
