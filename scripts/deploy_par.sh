#!/usr/bin/env bash
# Builds the generic image of PAR and pushes it to ECR. Nothing about an agent is needed or gets in:
# which agent a container runs is decided by PAC, which creates and updates the services too.
#
#   scripts/deploy_par.sh               build and push
#   scripts/deploy_par.sh --build-only  build
#   scripts/deploy_par.sh --with-node   the image with Node.js as well, under the same tag and "-node"
#
# For pushing: AWS_REGION, AWS_ACCOUNT_ID, ECR_REPO. Optional, also in .env at the project's root, which
# is read first:
#   IMAGE_TAG          default <short commit>-<YYYYmmdd-HHMMSS>
#   BASE_IMAGE         default debian:bookworm-slim; "rootfs": made here from Debian packages
#   CONTAINER_TOOL     docker or buildah; default: docker when a daemon answers, else buildah
#   ECR_REGISTRY       a registry at another address than ECR's own
#   PIXELL_BIN_DIR     programs to take in place of ./dev build release
#   SOURCE_DATE_EPOCH  time of the image (buildah); default: that of the commit
# docs/image.md has more.
set -euo pipefail

root=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/.." && pwd)

fail() {
  echo "Error: $1" >&2
  exit "${2:-1}"
}

need() {
  command -v "$1" >/dev/null || fail "$1 is not installed"
}

# ------------------------------------------------------------------------------ what is asked

push=yes
targets=(par)
for argument in "$@"; do
  case $argument in
    --build-only) push=no ;;
    --with-node) targets=(par par-node) ;;
    -h | --help)
      sed -n '2,/^set /s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
      exit 0
      ;;
    --update-only | --update | --push-only)
      fail "$argument is gone: this script builds and pushes; updating services is PAC's job (pac deploy)" 2
      ;;
    *AGENT_APP_ID* | *PACKAGE_URL* | --agent* | --package*)
      fail "$argument: the image is for every agent; which one runs is PAC's job (pac deploy --app)" 2
      ;;
    --cluster* | --service* | --task*)
      fail "$argument: clusters, services and tasks are PAC's job (pac serve --engine ecs)" 2
      ;;
    *) fail "unknown argument '$argument': this script's job is to build and push; see --help" 2 ;;
  esac
done

if [ -f "$root/.env" ]; then
  set -a
  # shellcheck disable=SC1091
  . "$root/.env"
  set +a
fi

# --------------------------------------------------------------------- what must be there first

need git
tool=${CONTAINER_TOOL:-}
if [ -z "$tool" ]; then
  tool=docker
  if ! docker version >/dev/null 2>&1 && command -v buildah >/dev/null; then tool=buildah; fi
fi
case $tool in
  docker | buildah) need "$tool" ;;
  *) fail "CONTAINER_TOOL is '$tool'; it must be docker or buildah" ;;
esac

registry=""
repository=par-local
if [ -n "${AWS_REGION:-}" ] && [ -n "${AWS_ACCOUNT_ID:-}" ] && [ -n "${ECR_REPO:-}" ]; then
  registry=${ECR_REGISTRY:-$AWS_ACCOUNT_ID.dkr.ecr.$AWS_REGION.amazonaws.com}
  repository=$registry/$ECR_REPO
elif [ "$push" = yes ]; then
  fail "AWS_REGION, AWS_ACCOUNT_ID and ECR_REPO must be set to push (or give --build-only)"
fi
if [ "$push" = yes ]; then need aws; fi

commit=$(git -C "$root" rev-parse --short HEAD)
tag=${IMAGE_TAG:-$commit-$(date +%Y%m%d-%H%M%S)}
export SOURCE_DATE_EPOCH="${SOURCE_DATE_EPOCH:-$(git -C "$root" log -1 --format=%ct)}"
version=$(sed -n 's/^project(.* VERSION \([0-9.]*\).*/\1/p' "$root/CMakeLists.txt")

# A registry on this machine speaks plain HTTP.
plain=()
case $registry in
  127.* | localhost:*) plain=(--tls-verify=false) ;;
esac

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# ---------------------------------------------------------------------------------------- build

# The base made from Debian packages, kept until their versions or the way it is made change.
make_base() {
  local here=$root/images/par cache=$root/.dev/image/base versions key
  # shellcheck disable=SC2046
  versions=$(apt-cache policy $(sed 's/#.*//' "$here/build/packages.txt") | grep -E '^[^ ]|Candidate')
  key=$({ echo "$versions" && cat "$here/rootfs.sh" "$here/build/packages.txt"; } | sha256sum | cut -c1-16)
  if [ ! -f "$cache/$key.tar" ]; then
    rm -rf "$cache" && mkdir -p "$cache"
    "$here/rootfs.sh" "$cache/$key.tar"
  fi
  base_tar=$cache/$key.tar
  BASE_IMAGE=localhost/pixell-base:$key
}

import_base() {
  if [ "$tool" = docker ]; then
    docker import "$base_tar" "$BASE_IMAGE" >/dev/null
    return
  fi
  local container
  container=$(buildah from --quiet scratch)
  buildah add --quiet "$container" "$base_tar" / >/dev/null
  buildah commit --quiet --rm --timestamp "$SOURCE_DATE_EPOCH" "$container" "$BASE_IMAGE" >/dev/null
}

programs=${PIXELL_BIN_DIR:-}
if [ -z "$programs" ]; then
  "$root/dev" build release
  programs=$root/build/release/bin
fi
python3 "$root/images/par/context.py" "$scratch/context" --programs "$programs"

BASE_IMAGE=${BASE_IMAGE:-debian:bookworm-slim}
if [ "$BASE_IMAGE" = rootfs ]; then
  make_base
  import_base
fi

arguments=(
  --platform linux/amd64
  --build-arg "BASE_IMAGE=$BASE_IMAGE"
  --build-arg "VERSION=$version"
  --build-arg "REVISION=$commit"
  --build-arg "CREATED=$(date -u -d "@$SOURCE_DATE_EPOCH" +%Y-%m-%dT%H:%M:%SZ)"
)

name_of() {
  if [ "$1" = par ]; then echo "$repository:$tag"; else echo "$repository:$tag-node"; fi
}

build() {
  echo "Building $(name_of "$1") with $tool"
  if [ "$tool" = docker ]; then
    docker build "${arguments[@]}" --target "$1" --tag "$(name_of "$1")" "$scratch/context"
    return
  fi
  # Layers that are kept are not trusted (they are found again although the base has changed), and
  # the OCI format has no health check.
  buildah build --quiet --isolation "${BUILDAH_ISOLATION:-chroot}" --format docker --layers --no-cache \
    --pull=missing --identity-label=false --timestamp "$SOURCE_DATE_EPOCH" "${arguments[@]}" --target "$1" \
    --tag "$(name_of "$1")" "$scratch/context"
  # What buildah names anew each time would give an equal image another digest.
  buildah push --quiet "$(name_of "$1")" "dir:$scratch/$1"
  python3 -I "$root/images/par/nameless.py" "$scratch/$1"
  local image
  image=$(buildah pull --quiet "dir:$scratch/$1")
  buildah tag "$image" "$(name_of "$1")"
}

for target in "${targets[@]}"; do build "$target"; done

# ----------------------------------------------------------------------------------------- push

if [ "$push" = yes ]; then
  export REGISTRY_AUTH_FILE="$scratch/auth.json" # gone with this script
  login=("$tool" login --username AWS --password-stdin)
  if [ "$tool" = buildah ]; then login+=("${plain[@]}"); fi
  aws ecr get-login-password --region "$AWS_REGION" | "${login[@]}" "$registry"
  for target in "${targets[@]}"; do
    echo "Pushing $(name_of "$target")"
    if [ "$tool" = docker ]; then
      docker push "$(name_of "$target")"
    else
      buildah push --quiet "${plain[@]}" "$(name_of "$target")"
    fi
  done
fi

for target in "${targets[@]}"; do echo "Image: $(name_of "$target")"; done
echo "Done."
