{{/* What values are wrong together, each told in one sentence before Kubernetes or a pod would have to. */}}
{{- define "screenshotmax-exporter.checks" -}}
{{- include "screenshotmax-exporter.configChecks" . -}}
{{- include "screenshotmax-exporter.webChecks" . -}}
{{- include "screenshotmax-exporter.imageChecks" . -}}
{{- include "screenshotmax-exporter.shardChecks" . -}}
{{- include "screenshotmax-exporter.podChecks" . -}}
{{- include "screenshotmax-exporter.accessChecks" . -}}
{{- include "screenshotmax-exporter.sidecarChecks" . -}}
{{- include "screenshotmax-exporter.idleChecks" . -}}
{{- include "screenshotmax-exporter.monitorChecks" . -}}
{{- include "screenshotmax-exporter.ruleChecks" . -}}
{{- include "screenshotmax-exporter.reloaderChecks" . -}}
{{- end -}}

{{/*
The rule of exporter/poller/share.py, but for which shard an id is on: that the fullest has its even part at least, is sure without
hashing. The pods refuse what is left.
*/}}
{{- define "screenshotmax-exporter.shardChecks" -}}
{{- $shards := int .Values.sharding.totalShards -}}
{{- $config := .Values.config -}}
{{- range $account := .Values.configExistingSecretName | empty | ternary ($config).accounts list -}}
{{- $ceiling := dig "api" "requests_per_minute" (dig "api" "requests_per_minute" 60 $config) $account | int -}}
{{- $interval := dig "poll" "interval" (dig "poll" "interval" "1m" $config) $account | toString -}}
{{- $fetch := dig "poll" "fetch" (dig "poll" "fetch" "auto" $config) $account -}}
{{- $ids := kindIs "slice" $account.tasks | ternary $account.tasks list | len -}}
{{- $each := and (gt $ids 0) (or (eq $fetch "each") (and (eq $fetch "auto") (lt $ids 10))) -}}
{{- $needed := $each | ternary (divf $ids $shards | ceil | int) 1 -}}
{{- $part := div $ceiling $shards | int -}}
{{- $room := divf (mulf $part (include "screenshotmax-exporter.seconds" $interval)) 60 | floor | int -}}
{{- $at := printf "config.accounts of %v: requests_per_minute is %d for %d shards" $account.name $ceiling $shards -}}
{{- if and (gt $shards 1) (lt $part 2) -}}
{{- fail (printf "%s, and each needs 2: raise it to %d, or lower sharding.totalShards" $at (mul 2 $shards)) -}}
{{- end -}}
{{- if and (gt $shards 1) (gt $needed $room) -}}
{{- fail (printf "%s, so each may send %d every %s, expected at least %d: raise it, or poll less often" $at $room $interval $needed) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "screenshotmax-exporter.podChecks" -}}
{{- $shards := int .Values.sharding.totalShards -}}
{{- if and (gt $shards 1) (ne (int .Values.replicas) 1) -}}
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
{{- if not (regexMatch "^--config\\.auto-reload-interval=." .) -}}
{{- fail (printf "extraArgs: %s is not among the flags that are left to give, such as --config.auto-reload-interval=1m" (splitList "=" . | first)) -}}
{{- end -}}
{{- end -}}
{{- $budget := .Values.podDisruptionBudget | default dict -}}
{{- if and (hasKey $budget "minAvailable") (hasKey $budget "maxUnavailable") -}}
{{- fail "podDisruptionBudget: minAvailable and maxUnavailable exclude each other: give one of them" -}}
{{- end -}}
{{- $pod := .Values.podSecurityContext | default dict -}}
{{- $own := .Values.securityContext | default dict -}}
{{- $user := hasKey $own "runAsUser" | ternary (get $own "runAsUser") (get $pod "runAsUser") | toString -}}
{{- if and (eq $user "0") (hasKey $own "runAsNonRoot" | ternary (get $own "runAsNonRoot") (get $pod "runAsNonRoot")) -}}
{{- fail "runAsUser is 0, and runAsNonRoot lets no such container start: give the number of a user other than root" -}}
{{- end -}}
{{- end -}}

{{- define "screenshotmax-exporter.accessChecks" -}}
{{- if and .Values.service.nodePort (eq .Values.service.type "ClusterIP") -}}
{{- fail "service.nodePort needs service.type NodePort or LoadBalancer: a ClusterIP has no port on the nodes" -}}
{{- end -}}
{{- if and .Values.ingress.enabled (not .Values.ingress.hosts) -}}
{{- fail "ingress.hosts is needed with ingress.enabled: an Ingress of no host leads nowhere" -}}
{{- end -}}
{{- if and .Values.route.enabled (not .Values.route.parentRefs) -}}
{{- fail "route.parentRefs is needed with route.enabled: an HTTPRoute of no gateway leads nowhere" -}}
{{- end -}}
{{- if and .Values.networkPolicy.enabled (not .Values.networkPolicy.extraEgress) -}}
{{- include "screenshotmax-exporter.egressChecks" . -}}
{{- end -}}
{{- end -}}

{{/* Whether polls get out where nothing but names and HTTPS does. What is on this machine no policy sees. */}}
{{- define "screenshotmax-exporter.egressChecks" -}}
{{- $config := .Values.config -}}
{{- range $account := .Values.configExistingSecretName | empty | ternary ($config).accounts list -}}
{{- $proxy := dig "api" "proxy_url" (dig "api" "proxy_url" "" $config) $account | default "" -}}
{{- $url := $proxy | default (dig "api" "base_url" (dig "api" "base_url" "https://" $config) $account) -}}
{{- $plain := hasPrefix "http:" $url | ternary "80" "443" -}}
{{- $port := regexReplaceAll "^https?://([^@/]*@)?(\\[[^]]*\\]|[^:/]*):?([0-9]*).*$" $url "${3}" | default $plain -}}
{{- if and (regexMatch "^[0-9]+$" $port) (ne $port "443") (not (include "screenshotmax-exporter.onLoopback" $url)) -}}
{{- fail (printf "config.accounts of %s: networkPolicy lets nothing out but names and port 443, and %s is at port %s: name that in networkPolicy.extraEgress" $account.name ($proxy | empty | ternary "base_url" "proxy_url") $port) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* What only pods and a Service of the chart's own could follow is refused, all of it at once. */}}
{{- define "screenshotmax-exporter.sidecarChecks" -}}
{{- if .Values.sidecar.enabled -}}
{{- if gt (int .Values.sharding.totalShards) 1 -}}
{{- fail "sidecar.enabled and sharding.totalShards exclude each other" -}}
{{- end -}}
{{- if and .Values.sidecar.native (semverCompare "<1.29-0" .Capabilities.KubeVersion.Version) -}}
{{- fail (printf "sidecar.native needs Kubernetes 1.29, and this is %s: set it to false, and put the container among containers" .Capabilities.KubeVersion.Version) -}}
{{- end -}}
{{- if not .Values.autoReload -}}
{{- fail "sidecar.enabled needs autoReload: this chart cannot roll the pods of another one when the configuration changes" -}}
{{- end -}}
{{- $idle := list -}}
{{- range $name, $default := dict "replicas" 1 "revisionHistoryLimit" 10 "terminationGracePeriodSeconds" 30 -}}
{{- if ne (get $.Values $name | int) $default }}{{ $idle = append $idle $name }}{{ end -}}
{{- end -}}
{{- range $name := list "persistence" "ingress" "route" "networkPolicy" -}}
{{- if (get $.Values $name).enabled }}{{ $idle = append $idle $name }}{{ end -}}
{{- end -}}
{{- range $name := list "imagePullSecrets" "strategy" "updateStrategy" "podAnnotations" "podLabels" "priorityClassName" "nodeSelector" "tolerations" "affinity" "topologySpreadConstraints" "hostAliases" "dnsPolicy" "dnsConfig" "extraInitContainers" "extraContainers" "readinessProbe" "startupProbe" "podDisruptionBudget" -}}
{{- if get $.Values $name }}{{ $idle = append $idle $name }}{{ end -}}
{{- end -}}
{{- range $name, $plain := dict "service" (dict "type" "ClusterIP" "port" 10142) "serviceAccount" (dict "create" true) -}}
{{- range $key, $value := get $.Values $name -}}
{{- if and $value (ne (get $plain $key | toString) (toString $value)) }}{{ $idle = append $idle (printf "%s.%s" $name $key) }}{{ end -}}
{{- end -}}
{{- end -}}
{{- if $idle -}}
{{- fail (printf "sidecar.enabled makes no pods and no Service, and these values would do nothing: %s" (join ", " $idle)) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "screenshotmax-exporter.monitorChecks" -}}
{{- $web := include "screenshotmax-exporter.web" . | fromYaml -}}
{{- $enabled := list -}}
{{- range $name := list "serviceMonitor" "podMonitor" "scrapeConfig" -}}
{{- $monitor := get $.Values $name -}}
{{- if $monitor.enabled -}}
{{- $enabled = append $enabled $name -}}
{{- if gt (len $enabled) 1 -}}
{{- fail (printf "%s and %s exclude each other: with both Prometheus would scrape everything twice" (first $enabled) $name) -}}
{{- end -}}
{{- if and $web.users (not (or $monitor.basicAuth $monitor.authorization)) -}}
{{- fail (printf "%s.basicAuth is needed: the web configuration has users, and Prometheus would be refused" $name) -}}
{{- end -}}
{{- if and $web.clientCertificates (not ($monitor.tlsConfig).cert) -}}
{{- fail (printf "%s.tlsConfig.cert is needed: the web configuration asks for client certificates, and Prometheus would be refused" $name) -}}
{{- end -}}
{{- $interval := $monitor.interval | default "" -}}
{{- $timeout := $monitor.scrapeTimeout | default "" -}}
{{- if and $interval (gt (include "screenshotmax-exporter.seconds" $timeout | float64) (include "screenshotmax-exporter.seconds" $interval | float64)) -}}
{{- fail (printf "%s.scrapeTimeout is %s, and Prometheus takes none above the interval, which is %s" $name $timeout $interval) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if .Values.sidecar.enabled -}}
{{- if .Values.serviceMonitor.enabled -}}
{{- fail "sidecar.enabled makes no Service for a ServiceMonitor: use podMonitor" -}}
{{- end -}}
{{- if .Values.scrapeConfig.enabled -}}
{{- fail "sidecar.enabled makes no Service for a ScrapeConfig: use podMonitor" -}}
{{- end -}}
{{- if and .Values.podMonitor.enabled (not .Values.podMonitor.selector) -}}
{{- fail "podMonitor.selector is needed with sidecar.enabled: the labels of the pods that you put the container into" -}}
{{- end -}}
{{- if and .Values.podMonitor.enabled .Values.sidecar.loopback -}}
{{- fail "sidecar.loopback and podMonitor exclude each other: Prometheus does not reach loopback" -}}
{{- end -}}
{{- $https := eq (include "screenshotmax-exporter.scrapeScheme" (dict "root" . "monitor" .Values.podMonitor)) "https" -}}
{{- $tls := .Values.podMonitor.tlsConfig | default dict -}}
{{- if and .Values.podMonitor.enabled $https (not (or $tls.serverName $tls.insecureSkipVerify)) -}}
{{- fail "podMonitor.tlsConfig.serverName is needed with sidecar.enabled and TLS: Prometheus asks the pod by its address, for which the certificate is hardly made" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* What the rules look back on must hold enough scrapes and polls, or they are silent, or fire without a reason. */}}
{{- define "screenshotmax-exporter.ruleChecks" -}}
{{- if .Values.prometheusRule.enabled -}}
{{- range $name := list "serviceMonitor" "podMonitor" "scrapeConfig" -}}
{{- $monitor := get $.Values $name -}}
{{- if and $monitor.enabled (ge (include "screenshotmax-exporter.seconds" ($monitor.interval | default "") | float64) 300.0) -}}
{{- fail (printf "%s.interval is %s, and the rules look back 5 minutes: scrape every minute, or leave prometheusRule out" $name $monitor.interval) -}}
{{- end -}}
{{- end -}}
{{- range $account := .Values.configExistingSecretName | empty | ternary (.Values.config).accounts list -}}
{{- $interval := dig "poll" "interval" (dig "poll" "interval" "1m" $.Values.config) $account | toString -}}
{{- include "screenshotmax-exporter.windowChecks" (dict "values" $.Values.prometheusRule "account" $account.name "interval" $interval) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* The thresholds that go by the poll interval, where an alert uses them: a dict with values, account and interval. */}}
{{- define "screenshotmax-exporter.windowChecks" -}}
{{- $values := .values -}}
{{- $needed := mulf 3 (include "screenshotmax-exporter.seconds" .interval) -}}
{{- range $name, $threshold := pick (include "screenshotmax-exporter.thresholds" . | fromYaml) "pollFailureWindow" "snapshotStaleHours" -}}
{{- $value := get ($values.thresholds | default dict) $name | default $threshold.default | toString -}}
{{- $seconds := hasSuffix "Hours" $name | ternary (mulf 3600 $value) (include "screenshotmax-exporter.seconds" $value | float64) -}}
{{- range $alert := keys $threshold.rules | sortAlpha -}}
{{- $left := or (has $alert ($values.disabled | default list)) (get ($values.overrides | default dict) $alert | default dict).expr -}}
{{- if and (not $left) (lt $seconds $needed) -}}
{{- fail (printf "config.accounts of %s: it is polled every %s, and prometheusRule.thresholds.%s is %v: give at least three times the interval, or %s is not to be relied on" $.account $.interval $name $value $alert) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "screenshotmax-exporter.reloaderChecks" -}}
{{- $web := include "screenshotmax-exporter.web" . | fromYaml -}}
{{- if .Values.configReloader.enabled -}}
{{- if .Values.sidecar.enabled -}}
{{- fail "sidecar.enabled and configReloader.enabled exclude each other: leave autoReload on, and the exporter watches its configuration itself" -}}
{{- end -}}
{{- if or $web.users $web.clientCertificates -}}
{{- fail "configReloader would be refused, as it knows no password and has no client certificate: leave autoReload on, and the exporter watches its configuration itself" -}}
{{- end -}}
{{- if eq (int .Values.configReloader.containerPort) (int .Values.containerPort) -}}
{{- fail (printf "configReloader.containerPort and containerPort are both %d: containers of a pod share its ports" (int .Values.containerPort)) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* A registry within the repository: no owner at ghcr.io has a dot. Behind a mirror of one's own a repository may begin so. */}}
{{- define "screenshotmax-exporter.imageChecks" -}}
{{- $images := dict "image" .Values.image -}}
{{- if .Values.configReloader.enabled }}{{ $_ := set $images "configReloader.image" .Values.configReloader.image }}{{ end -}}
{{- range $name, $image := $images -}}
{{- $registry := (($.Values.global).imageRegistry) | default $image.registry -}}
{{- $repository := $image.repository -}}
{{- $first := regexFind "^[^/]+/" $repository -}}
{{- if and $registry (or (contains ":" $first) (and (contains "." $first) (eq $registry "ghcr.io"))) -}}
{{- fail (printf "%s.repository is %s, behind the registry %s: %s goes into %s.registry" $name $repository $registry (trimSuffix "/" $first) $name) -}}
{{- end -}}
{{- if regexMatch "[:@]" (trimPrefix $first $repository) -}}
{{- fail (printf "%s.repository is %s: what is behind the name goes into %s.tag or %s.digest" $name $repository $name $name) -}}
{{- end -}}
{{- end -}}
{{- end -}}
