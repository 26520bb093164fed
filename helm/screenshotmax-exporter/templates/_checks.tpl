{{/* What values are wrong together, each told in one sentence before Kubernetes or a pod would have to. */}}
{{- define "screenshotmax-exporter.checks" -}}
{{- include "screenshotmax-exporter.configChecks" . -}}
{{- include "screenshotmax-exporter.podChecks" . -}}
{{- include "screenshotmax-exporter.monitorChecks" . -}}
{{- end -}}

{{- define "screenshotmax-exporter.configChecks" -}}
{{- $keys := "/run/secrets/screenshotmax" -}}
{{- $mounted := .Values.existingSecret.name | empty | ternary list (list $keys) -}}
{{- range concat .Values.extraVolumeMounts .Values.extraSecretMounts }}{{ $mounted = append $mounted (trimSuffix "/" .mountPath) }}{{ end -}}
{{- if not .Values.configExistingSecretName -}}
{{- range $section := prepend .Values.config.accounts .Values.config -}}
{{- if and (contains "@" (dig "api" "proxy_url" "" $section | default "")) (not $.Values.secretConfig) -}}
{{- fail "config: the user of a proxy_url would be readable in a ConfigMap: set secretConfig, which keeps the configuration in a Secret" -}}
{{- end -}}
{{- end -}}
{{- range $account := .Values.config.accounts -}}
{{- $at := printf "config.accounts of %v" $account.name -}}
{{- if and $account.access_key (not $.Values.secretConfig) -}}
{{- fail (printf "%s: access_key would be readable in a ConfigMap: put it into a Secret and name that in existingSecret.name, or set secretConfig" $at) -}}
{{- end -}}
{{- $file := $account.access_key_file | default "" -}}
{{- if and (hasPrefix (printf "%s/" $keys) $file) (not (has $keys $mounted)) -}}
{{- fail (printf "%s: access_key_file is %s, and nothing is mounted there: name the Secret that holds the access keys in existingSecret.name" $at $file) -}}
{{- end -}}
{{- $ids := concat (kindIs "slice" $account.tasks | ternary $account.tasks list) ($account.exclude | default list) -}}
{{- range $account.overrides }}{{ $ids = append $ids .id }}{{ end -}}
{{- range $ids -}}
{{- if and (not (kindIs "string" .)) (gt (float64 .) 9007199254740991.0) -}}
{{- fail (printf "%s: Helm rounds numbers as long as the task id %v: put it in quotes" $at (int64 .)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if and .Values.webConfig .Values.webConfigExistingSecret.name -}}
{{- fail "webConfig and webConfigExistingSecret.name exclude each other: give the web configuration once" -}}
{{- end -}}
{{- end -}}

{{- define "screenshotmax-exporter.podChecks" -}}
{{- $shards := int .Values.sharding.totalShards -}}
{{- if and (gt $shards 1) (gt (int .Values.replicas) 1) -}}
{{- fail (printf "sharding.totalShards is %d and makes as many pods, so replicas must be 1: for two pods of each shard install the chart twice" $shards) -}}
{{- end -}}
{{- if .Values.persistence.existingClaim -}}
{{- if not .Values.persistence.enabled -}}
{{- fail "persistence.existingClaim is given: set persistence.enabled too" -}}
{{- end -}}
{{- if or (gt $shards 1) (gt (int .Values.replicas) 1) -}}
{{- fail "persistence.existingClaim is for one pod, as a ledger has one writer: leave it out, and each pod gets a claim of its own" -}}
{{- end -}}
{{- if and .Values.strategy (ne (.Values.strategy.type | default "") "Recreate") -}}
{{- fail "strategy must be Recreate with persistence.existingClaim, as a ledger has one writer" -}}
{{- end -}}
{{- end -}}
{{- range .Values.extraArgs -}}
{{- if regexMatch "^--(no-)?(config\\.(file|enable-auto-reload)|storage\\.path|web\\.|log\\.|shard|total-shards)" . -}}
{{- fail (printf "extraArgs: %s is set by a value of its own, which probes and monitors follow: see web, log, sharding, persistence, autoReload and containerPort" (splitList "=" . | first)) -}}
{{- end -}}
{{- end -}}
{{- if and .Values.sidecar.enabled (gt $shards 1) -}}
{{- fail "sidecar.enabled and sharding.totalShards exclude each other" -}}
{{- end -}}
{{- if and .Values.sidecar.enabled .Values.sidecar.native (semverCompare "<1.29-0" .Capabilities.KubeVersion.Version) -}}
{{- fail (printf "sidecar.native needs Kubernetes 1.29, and this is %s: set it to false, and put the container among containers" .Capabilities.KubeVersion.Version) -}}
{{- end -}}
{{- end -}}

{{- define "screenshotmax-exporter.monitorChecks" -}}
{{- $web := include "screenshotmax-exporter.web" . | fromYaml -}}
{{- if and .Values.serviceMonitor.enabled .Values.podMonitor.enabled -}}
{{- fail "serviceMonitor and podMonitor exclude each other: with both Prometheus would scrape everything twice" -}}
{{- end -}}
{{- range $name := list "serviceMonitor" "podMonitor" -}}
{{- $monitor := get $.Values $name -}}
{{- if $monitor.enabled -}}
{{- if and $web.users (not (or $monitor.basicAuth $monitor.authorization)) -}}
{{- fail (printf "%s.basicAuth is needed: the web configuration has users, and Prometheus would be refused" $name) -}}
{{- end -}}
{{- if and $web.clientCertificates (not $monitor.tlsConfig.cert) -}}
{{- fail (printf "%s.tlsConfig.cert is needed: the web configuration asks for client certificates, and Prometheus would be refused" $name) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if .Values.sidecar.enabled -}}
{{- if .Values.serviceMonitor.enabled -}}
{{- fail "sidecar.enabled makes no Service for a ServiceMonitor: use podMonitor" -}}
{{- end -}}
{{- if and .Values.podMonitor.enabled (not .Values.podMonitor.selector) -}}
{{- fail "podMonitor.selector is needed with sidecar.enabled: the labels of the pods that you put the container into" -}}
{{- end -}}
{{- if and .Values.podMonitor.enabled .Values.sidecar.loopback -}}
{{- fail "sidecar.loopback and podMonitor exclude each other: Prometheus does not reach loopback" -}}
{{- end -}}
{{- end -}}
{{- end -}}
