#include "cmd/par/completion.hpp"

namespace pixell::cmd {

namespace {

constexpr std::string_view kBash = R"sh(# Load it with: source <(par completion bash)
_par() {
  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "run validate inspect routes pack healthcheck completion --version --help" -- "$current"))
    return
  fi
  local options=""
  case "${COMP_WORDS[1]}" in
    run|validate|inspect) options="--json" ;;
    routes) options="--json --base-path" ;;
    pack) options="--json -o" ;;
    healthcheck) options="--port --url" ;;
    completion) COMPREPLY=($(compgen -W "bash zsh fish" -- "$current")); return ;;
  esac
  case "$previous" in --port|--url|--base-path) return ;; esac
  if [[ "$current" == -* ]]; then
    COMPREPLY=($(compgen -W "$options" -- "$current"))
  elif [ "${COMP_WORDS[1]}" = pack ] && [ "$previous" != -o ]; then
    COMPREPLY=($(compgen -d -- "$current"))
  elif [ "${COMP_WORDS[1]}" != healthcheck ]; then
    COMPREPLY=($(compgen -d -- "$current") $(compgen -f -X '!*.apkg' -- "$current"))
  fi
}
complete -o filenames -F _par par
)sh";

constexpr std::string_view kZsh = R"sh(#compdef par
# Load it with: source <(par completion zsh)
_par() {
  local -a commands
  commands=(
    'run:run a local package'
    'validate:all that is wrong with a package'
    'inspect:what a package is and holds'
    'routes:which paths go where'
    'pack:make a package of a directory'
    'healthcheck:ask a running par'
    'completion:a completion script'
  )
  if (( CURRENT == 2 )); then
    _describe 'command' commands
    return
  fi
  case "$words[2]" in
    run|validate|inspect) _arguments '*:package:_files -g "*.apkg(-.)"' '--json[JSON]' ;;
    routes) _arguments '*:package:_files -g "*.apkg(-.)"' '--json[JSON]' '--base-path[prefix]:path:' ;
;
    pack) _arguments '*:directory:_files -/' '-o[output]:file:_files' '--json[JSON]' ;
    ;
    healthcheck) _arguments '--port[port]:port:' '--url[address]:url:' ;
    ;
    completion) _values 'shell' bash zsh fish ;
    ;
    esac
    }
compdef _par par
)sh";

constexpr std::string_view kFish = R"sh(# Load it with: par completion fish | source
complete -c par -f
complete -c par -n __fish_use_subcommand -a run -d 'run a local package'
complete -c par -n __fish_use_subcommand -a validate -d 'all that is wrong with a package'
complete -c par -n __fish_use_subcommand -a inspect -d 'what a package is and holds'
complete -c par -n __fish_use_subcommand -a routes -d 'which paths go where'
complete -c par -n __fish_use_subcommand -a pack -d 'make a package of a directory'
complete -c par -n __fish_use_subcommand -a healthcheck -d 'ask a running par'
complete -c par -n __fish_use_subcommand -a completion -d 'a completion script'
complete -c par -n __fish_use_subcommand -l version
complete -c par -n __fish_use_subcommand -l help
complete -c par -n '__fish_seen_subcommand_from run validate inspect routes pack' -F -l json
complete -c par -n '__fish_seen_subcommand_from routes' -x -l base-path
complete -c par -n '__fish_seen_subcommand_from pack' -r -s o
complete -c par -n '__fish_seen_subcommand_from healthcheck' -x -l port
complete -c par -n '__fish_seen_subcommand_from healthcheck' -x -l url
complete -c par -n '__fish_seen_subcommand_from completion' -a 'bash zsh fish'
)sh";

}  // namespace

std::optional<std::string> completion_script(std::string_view shell) {
  if (shell == "bash") return std::string(kBash);
  if (shell == "zsh") return std::string(kZsh);
  if (shell == "fish") return std::string(kFish);
  return std::nullopt;
}

}  // namespace pixell::cmd
