/**
 * What the shells need to know is only how to ask: `shiplog __complete -- WORDS…` prints one candidate a line for the
 * last word. So a new verb or flag needs no new script.
 */
export const completionScripts = {
  bash: `# bash completion of shiplog
_shiplog() {
  local words current IFS=$' \\t\\n'
  # Words of the line, since COMP_WORDS also breaks them at colons, which names of images hold.
  read -ra words <<< "\${COMP_LINE:0:COMP_POINT}"
  [[ \${COMP_LINE:COMP_POINT-1:1} == ' ' ]] && words+=('')
  current=\${words[-1]}
  IFS=$'\\n'
  COMPREPLY=($(shiplog __complete -- "\${words[@]:1}" 2>/dev/null))
  [[ $current == *:* ]] && COMPREPLY=("\${COMPREPLY[@]#"\${current%"\${current##*:}"}"}")
  return 0
}
complete -o bashdefault -o default -F _shiplog shiplog
`,
  zsh: `#compdef shiplog
# zsh completion of shiplog
_shiplog() {
  local -a candidates
  candidates=("\${(@f)$(shiplog __complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  if [[ -n "$candidates" ]]; then compadd -- $candidates; else _files; fi
}
if [ "$funcstack[1]" = "_shiplog" ]; then _shiplog "$@"; else compdef _shiplog shiplog; fi
`,
  fish: `# fish completion of shiplog
function __shiplog_complete
  set -l words (commandline -opc) (commandline -ct)
  shiplog __complete -- $words[2..-1] 2>/dev/null
end
complete -c shiplog -a '(__shiplog_complete)'
`,
} as const;

export const isShell = (name: string): name is keyof typeof completionScripts =>
  Object.hasOwn(completionScripts, name);
