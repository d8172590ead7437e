#!/bin/bash
# Start Keycloak with secrets from files: a variable NAME_FILE names the file that holds NAME.
# Keycloak itself reads its passwords from variables only.
set -euo pipefail

for name in "${!KC_@}" "${!SAMPLE_APP_@}"; do
  case "$name" in
    *_FILE)
      target="${name%_FILE}"
      value="$(< "${!name}")"
      export "$target=$value"
      unset "$name"
      ;;
  esac
done

exec "${KEYCLOAK_HOME:-/opt/keycloak}/bin/kc.sh" "$@"
