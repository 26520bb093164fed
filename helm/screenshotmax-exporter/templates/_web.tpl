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
