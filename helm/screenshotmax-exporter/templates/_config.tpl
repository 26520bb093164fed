{{/* What the exporter would refuse of its configuration, as far as a template tells cheaply; `config check` tells all of it. */}}
{{- define "screenshotmax-exporter.configChecks" -}}
{{- if not (or .Values.configExistingSecretName (.Values.config).accounts) -}}
{{- fail "config.accounts is needed, the accounts to watch; or configExistingSecretName, the Secret that holds the whole configuration" -}}
{{- end -}}
{{- if not .Values.configExistingSecretName -}}
{{- include "screenshotmax-exporter.sectionChecks" (dict "root" . "at" "config" "section" .Values.config) -}}
{{- $names := list -}}
{{- range $account := .Values.config.accounts -}}
{{- if has $account.name $names -}}
{{- fail (printf "config.accounts: %s is the name of two, and a name is unique" $account.name) -}}
{{- end -}}
{{- $names = append $names $account.name -}}
{{- $at := printf "config.accounts of %s" $account.name -}}
{{- include "screenshotmax-exporter.sectionChecks" (dict "root" $ "at" $at "section" $account) -}}
{{- include "screenshotmax-exporter.keyChecks" (dict "root" $ "at" $at "account" $account) -}}
{{- include "screenshotmax-exporter.idChecks" (dict "at" $at "account" $account) -}}
{{- include "screenshotmax-exporter.pollChecks" (dict "at" $at "account" $account "config" $.Values.config) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* What one level of the configuration tells by itself: a dict with root, at and section, which is the top or an account. */}}
{{- define "screenshotmax-exporter.sectionChecks" -}}
{{- $at := .at -}}
{{- if and (contains "@" (dig "api" "proxy_url" "" .section | default "")) (not .root.Values.secretConfig) -}}
{{- fail "config: the user of a proxy_url would be readable in a ConfigMap: set secretConfig, which keeps the configuration in a Secret" -}}
{{- end -}}
{{- if regexMatch "/v1/*$" (dig "api" "base_url" "" .section) -}}
{{- fail (printf "%s: api.base_url ends with /v1, expected the address without it, which is added" $at) -}}
{{- end -}}
{{- include "screenshotmax-exporter.durationChecks" . -}}
{{- range $override := .section.overrides -}}
{{- include "screenshotmax-exporter.durationChecks" (dict "at" (printf "%s: overrides" $at) "section" (dict "missed_run" $override)) -}}
{{- end -}}
{{- end -}}

{{/* The bounds of exporter/config/schema.py: a dict with at and section. */}}
{{- define "screenshotmax-exporter.durationChecks" -}}
{{- $bounds := dict "api.timeout" (list "1s" "1m") "poll.interval" (list "5s" "24h") "poll.stale_after" (list "10s" "31d") "missed_run.grace" (list "0s" "31d") "missed_run.early" (list "0s" "1d") -}}
{{- range $key, $bound := $bounds -}}
{{- $value := dig (splitList "." $key | first) (splitList "." $key | last) "auto" $.section | toString -}}
{{- $seconds := include "screenshotmax-exporter.seconds" $value | float64 -}}
{{- $least := include "screenshotmax-exporter.seconds" (first $bound) | float64 -}}
{{- $most := include "screenshotmax-exporter.seconds" (last $bound) | float64 -}}
{{- if and (ne $value "auto") (or (lt $seconds $least) (gt $seconds $most)) -}}
{{- fail (printf "%s: %s is %s, expected a duration between %s and %s" $.at $key $value (first $bound) (last $bound)) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* What an account and the top level tell together: a dict with at, account and config. */}}
{{- define "screenshotmax-exporter.pollChecks" -}}
{{- $interval := dig "poll" "interval" (dig "poll" "interval" "1m" .config) .account | toString -}}
{{- $stale := dig "poll" "stale_after" (dig "poll" "stale_after" "" .config) .account | toString -}}
{{- $twice := mulf 2 (include "screenshotmax-exporter.seconds" $interval) -}}
{{- if and $stale (lt (include "screenshotmax-exporter.seconds" $stale | float64) $twice) -}}
{{- fail (printf "%s: poll.stale_after is %s with the interval %s, expected at least twice the interval" .at $stale $interval) -}}
{{- end -}}
{{- $all := eq (.account.tasks | default "all" | toString) "all" -}}
{{- if and $all (eq (dig "poll" "fetch" (dig "poll" "fetch" "auto" .config) .account) "each") -}}
{{- fail (printf "%s: poll.fetch is each, and it watches all tasks: give list or auto, or a list of ids" .at) -}}
{{- end -}}
{{- if and (not $all) (hasKey .account "exclude") -}}
{{- fail (printf "%s: exclude is for tasks: all, and tasks is a list" .at) -}}
{{- end -}}
{{- $url := dig "api" "base_url" (dig "api" "base_url" "" .config) .account -}}
{{- $clear := dig "api" "allow_http" (dig "api" "allow_http" false .config) .account -}}
{{- if and (hasPrefix "http:" $url) (not $clear) (not (include "screenshotmax-exporter.onLoopback" $url)) -}}
{{- fail (printf "%s: api.base_url is plain http, which would show the access key on the way: give https, or allow_http" .at) -}}
{{- end -}}
{{- end -}}

{{/* Whether a URL leads to this machine, as far as its text tells. */}}
{{- define "screenshotmax-exporter.onLoopback" -}}
{{- regexMatch "^https?://([^@/]*@)?(localhost|127\\.[0-9.]+|\\[[0:]*1\\])(:[0-9]+)?(/|$)" . | ternary "true" "" -}}
{{- end -}}

{{/* Helm rounds long numbers: a dict with at and account. */}}
{{- define "screenshotmax-exporter.idChecks" -}}
{{- $ids := dict -}}
{{- range $key, $value := pick .account "tasks" "exclude" -}}
{{- range $index, $id := kindIs "slice" $value | ternary $value list }}{{ $_ := set $ids (printf "%s[%d]" $key $index) $id }}{{ end -}}
{{- end -}}
{{- range $index, $override := .account.overrides }}{{ $_ := set $ids (printf "overrides[%d].id" $index) $override.id }}{{ end -}}
{{- range $place, $id := $ids -}}
{{- if and (not (kindIs "string" $id)) (gt (float64 $id) 9007199254740991.0) -}}
{{- fail (printf "%s: %s is a number so long that Helm rounds it: put the task id in quotes" $.at $place) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Where an access key comes from, which must be one place: a dict with root, at and account. */}}
{{- define "screenshotmax-exporter.keyChecks" -}}
{{- $account := .account -}}
{{- $given := pick $account "access_key" "access_key_file" "access_key_env" | keys | len -}}
{{- if ne $given 1 -}}
{{- fail (printf "%s: found %d access keys, expected exactly one of access_key, access_key_file, access_key_env" .at $given) -}}
{{- end -}}
{{- if and $account.access_key (not .root.Values.secretConfig) -}}
{{- fail (printf "%s: access_key would be readable in a ConfigMap: put it into a Secret and name that in existingSecret.name, or set secretConfig" .at) -}}
{{- end -}}
{{- with $account.access_key_file }}{{ include "screenshotmax-exporter.keyFileCheck" (dict "root" $.root "at" $.at "file" .) }}{{ end -}}
{{- $variables := list -}}
{{- range .root.Values.extraEnv }}{{ $variables = append $variables .name }}{{ end -}}
{{- with $account.access_key_env -}}
{{- if not (or (has . $variables) $.root.Values.extraEnvFrom) -}}
{{- fail (printf "%s: access_key_env names a variable that the container is not given: add it to extraEnv, or its source to extraEnvFrom" $.at) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Whether something is mounted where an access key is looked for: a dict with root, at and file. */}}
{{- define "screenshotmax-exporter.keyFileCheck" -}}
{{- $place := include "screenshotmax-exporter.absolute" (dict "file" .file "directory" "/etc/screenshotmax-exporter") -}}
{{- $ours := hasPrefix "/run/secrets/screenshotmax/" $place -}}
{{- $secret := .root.Values.existingSecret.name -}}
{{- if not (include "screenshotmax-exporter.mounted" (dict "root" .root "file" $place)) -}}
{{- if not (isAbs .file) -}}
{{- fail (printf "%s: access_key_file is no path from the root, and beside the configuration there is no key: give one such as /run/secrets/screenshotmax/main" .at) -}}
{{- end -}}
{{- if and $ours $secret -}}
{{- fail (printf "%s: access_key_file is %s, and existingSecret.items makes no such file: give one of them that path" .at .file) -}}
{{- end -}}
{{- if $secret -}}
{{- fail (printf "%s: access_key_file is %s, and nothing is mounted there: the keys of existingSecret are below /run/secrets/screenshotmax" .at .file) -}}
{{- end -}}
{{- fail (printf "%s: access_key_file is %s, and nothing is mounted there: name the Secret that holds the access keys in existingSecret.name" .at .file) -}}
{{- end -}}
{{- end -}}

{{/* A path from the root: a dict with file, and directory, where a relative one begins. */}}
{{- define "screenshotmax-exporter.absolute" -}}
{{- $path := isAbs .file | ternary .file (printf "%s/%s" .directory .file) | clean -}}
{{- regexReplaceAll "^/var/run/" $path "/run/" -}}
{{- end -}}

{{/*
Whether a file may be there: a dict with root and file, which is absolute. An injector, told by annotations or labels, mounts what
the chart does not see, and so does the pod of somebody else; authorities that all trust are in the image.
*/}}
{{- define "screenshotmax-exporter.mounted" -}}
{{- $values := .root.Values -}}
{{- $secret := $values.existingSecret -}}
{{- $mounts := concat ($values.extraVolumeMounts | default list) ($values.extraSecretMounts | default list) ($values.extraConfigmapMounts | default list) -}}
{{- if $secret.name }}{{ $mounts = append $mounts (dict "mountPath" "/run/secrets/screenshotmax" "items" $secret.items) }}{{ end -}}
{{- if $values.persistence.enabled }}{{ $mounts = append $mounts (dict "mountPath" "/var/lib/screenshotmax-exporter") }}{{ end -}}
{{- $unseen := or $values.podAnnotations $values.podLabels $values.sidecar.enabled -}}
{{- $found := or (hasPrefix "/usr/" .file) (hasPrefix "/etc/ssl/" .file) (and $unseen (not (regexMatch "^/(run/secrets/screenshotmax|etc/screenshotmax-exporter(-web)?)/" .file))) -}}
{{- range $mount := $mounts -}}
{{- range $item := $mount.items | default (list dict) -}}
{{- $there := printf "%s/%s" ($mount.mountPath | default "") ($item.path | default "") -}}
{{- $there = include "screenshotmax-exporter.absolute" (dict "file" $there "directory" "/") -}}
{{- $found = or $found (and (ne $there "/") (hasPrefix (printf "%s/" $there) (printf "%s/" $.file))) -}}
{{- end -}}
{{- end -}}
{{- ternary "true" "" (not (not $found)) -}}
{{- end -}}

{{/* Seconds of a duration of the configuration, such as 1h30m. */}}
{{- define "screenshotmax-exporter.seconds" -}}
{{- $units := dict "ms" 0.001 "s" 1 "m" 60 "h" 3600 "d" 86400 "w" 604800 "y" 31536000 -}}
{{- $sum := 0.0 -}}
{{- range regexFindAll "[0-9]+[a-z]+" . -1 }}{{ $sum = addf $sum (mulf (regexFind "[0-9]+" .) (get $units (regexFind "[a-z]+" .))) }}{{ end -}}
{{- $sum -}}
{{- end -}}
