{{/* What the web configuration means for those who ask: tls, users, clientCertificates, limited, scheme, prefix. */}}
{{- define "screenshotmax-exporter.web" -}}
{{- $known := .Values.webConfigExistingSecret -}}
{{- $server := (.Values.webConfig).tls_server_config | default dict -}}
{{- $web := dict "given" (and (empty .Values.webConfig) (empty $known.name) | not) -}}
{{- if $known.name -}}
{{- $_ := merge $web (dict "tls" $known.tls "users" $known.basicAuth "clientCertificates" $known.clientCertificates "limited" true) -}}
{{- else -}}
{{- $_ := set $web "tls" (and (empty $server.cert) (empty $server.cert_file) | not) -}}
{{- $_ := set $web "users" (empty (.Values.webConfig).basic_auth_users | not) -}}
{{- $_ := set $web "clientCertificates" (eq (get $server "client_auth_type" | default "") "RequireAndVerifyClientCert") -}}
{{- $_ := set $web "limited" (empty (.Values.webConfig).rate_limit | not) -}}
{{- end -}}
{{- $_ := set $web "scheme" (ternary "https" "http" $web.tls) -}}
{{- $outside := .Values.web.externalUrl | default "" | urlParse -}}
{{- $_ := set $web "prefix" (.Values.web.routePrefix | default $outside.path | trimSuffix "/") -}}
{{- toYaml $web -}}
{{- end -}}

{{- define "screenshotmax-exporter.webConfigFile" -}}
/etc/screenshotmax-exporter-web/{{ .Values.webConfigExistingSecret.name | empty | ternary "web.yaml" .Values.webConfigExistingSecret.key }}
{{- end -}}

{{- define "screenshotmax-exporter.portName" -}}
{{- .Values.sidecar.enabled | ternary "screenshotmax" "http" -}}
{{- end -}}

{{/* The verb healthcheck with its URL: a dict with root, host, port, the path that is asked for and, if one is wanted, a metric. */}}
{{- define "screenshotmax-exporter.healthcheck" -}}
{{- $web := include "screenshotmax-exporter.web" .root | fromYaml -}}
- healthcheck
{{- if eq .path "/-/ready" }}
- --ready
{{- end }}
{{- with .metric }}
- --metric={{ . }}
{{- if ne $.root.Values.web.telemetryPath "/metrics" }}
- --web.telemetry-path={{ $.root.Values.web.telemetryPath }}
{{- end }}
{{- end }}
{{- if $web.given }}
- --web.config.file={{ include "screenshotmax-exporter.webConfigFile" .root }}
{{- end }}
- {{ printf "%s://%s:%v%s" $web.scheme .host .port $web.prefix }}
{{- end -}}

{{/* A kubelet shows no certificate and knows no password, and the rate limit counts it: then the container asks itself. */}}
{{- define "screenshotmax-exporter.ownProbe" -}}
{{- $web := include "screenshotmax-exporter.web" .root | fromYaml -}}
{{- if or $web.users $web.clientCertificates $web.limited (and .root.Values.sidecar.enabled .root.Values.sidecar.loopback) -}}
exec:
  command:
    - screenshotmax-exporter
    {{- include "screenshotmax-exporter.healthcheck" (dict "root" .root "host" "127.0.0.1" "port" .root.Values.containerPort "path" .path) | nindent 4 }}
periodSeconds: 30
timeoutSeconds: 10
{{- else -}}
httpGet:
  path: {{ $web.prefix }}{{ .path }}
  port: {{ include "screenshotmax-exporter.portName" .root }}
  {{- if $web.tls }}
  scheme: HTTPS
  {{- end }}
periodSeconds: 10
timeoutSeconds: 5
{{- end }}
{{- end -}}

{{/* The probe of the values over the one that fits: a dict with root, probe and path. */}}
{{- define "screenshotmax-exporter.probe" -}}
{{- $web := include "screenshotmax-exporter.web" .root | fromYaml -}}
{{- $probe := .probe | default dict | deepCopy -}}
{{- $own := include "screenshotmax-exporter.ownProbe" . | fromYaml -}}
{{- if or $probe.exec $probe.tcpSocket $probe.grpc -}}
{{- $own = omit $own "exec" "httpGet" -}}
{{- else if $probe.httpGet -}}
{{- $fits := dict "path" (printf "%s%s" $web.prefix .path) "port" (include "screenshotmax-exporter.portName" .root) "scheme" (upper $web.scheme) -}}
{{- $own = set (omit $own "exec") "httpGet" $fits -}}
{{- end -}}
{{- merge $probe $own | toYaml -}}
{{- end -}}

{{/* What the exporter would refuse of the web configuration, and end for; no entry of a user is shown, as it may be his password. */}}
{{- define "screenshotmax-exporter.webChecks" -}}
{{- if .Values.webConfigExistingSecret.name -}}
{{- if .Values.webConfig -}}
{{- fail "webConfig and webConfigExistingSecret.name exclude each other: give the web configuration once" -}}
{{- end -}}
{{- else -}}
{{- range $user, $hash := (.Values.webConfig).basic_auth_users -}}
{{- if not (regexMatch "^\\$2[abxy]\\$(0[4-9]|1[0-6])\\$[./A-Za-z0-9]{21}[.Oeu][./A-Za-z0-9]{31}$" ($hash | default "")) -}}
{{- fail (printf "webConfig.basic_auth_users: that of %s is no bcrypt hash of a cost from 4 to 16, expected one such as htpasswd -nBC 10 makes" $user) -}}
{{- end -}}
{{- end -}}
{{- $rate := (.Values.webConfig).rate_limit | default dict -}}
{{- if and (regexMatch "[1-9]" ($rate.interval | default "" | toString)) (not (hasKey $rate "burst")) -}}
{{- fail "webConfig.rate_limit.burst is needed beside an interval: with none every request is refused" -}}
{{- end -}}
{{- include "screenshotmax-exporter.tlsChecks" . -}}
{{- end -}}
{{- end -}}

{{- define "screenshotmax-exporter.tlsChecks" -}}
{{- $tls := (.Values.webConfig).tls_server_config | default dict -}}
{{- $clients := or $tls.client_ca $tls.client_ca_file -}}
{{- $policy := $tls.client_auth_type | default "NoClientCert" -}}
{{- if or $tls.cert $tls.cert_file $tls.key $tls.key_file $clients $tls.client_auth_type -}}
{{- range $kind := list "cert" "key" -}}
{{- if not (or (get $tls $kind) (get $tls (printf "%s_file" $kind))) -}}
{{- fail (printf "webConfig.tls_server_config: %s_file or %s is needed: TLS takes a certificate and its key" $kind $kind) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if and $clients (eq $policy "NoClientCert") -}}
{{- fail "webConfig.tls_server_config: an authority of clients needs client_auth_type, such as RequireAndVerifyClientCert" -}}
{{- end -}}
{{- if and (not $clients) (ne $policy "NoClientCert") -}}
{{- fail (printf "webConfig.tls_server_config: client_auth_type %s needs client_ca_file or client_ca, the authority of the clients" $policy) -}}
{{- end -}}
{{- range $key := list "cert_file" "key_file" "client_ca_file" -}}
{{- with get $tls $key -}}
{{- $place := include "screenshotmax-exporter.absolute" (dict "file" . "directory" "/etc/screenshotmax-exporter-web") -}}
{{- if not (include "screenshotmax-exporter.mounted" (dict "root" $ "file" $place)) -}}
{{- fail (printf "webConfig.tls_server_config.%s leads to %s, and nothing is mounted there: see extraSecretMounts" $key $place) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
