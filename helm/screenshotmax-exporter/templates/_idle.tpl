{{/* What values would do nothing beside the others, and looks as if it did. */}}
{{- define "screenshotmax-exporter.idleChecks" -}}
{{- include "screenshotmax-exporter.idleSwitches" . -}}
{{- include "screenshotmax-exporter.idleStrategies" . -}}
{{- include "screenshotmax-exporter.idleStorage" . -}}
{{- end -}}

{{- define "screenshotmax-exporter.idleSwitches" -}}
{{- $secret := .Values.webConfigExistingSecret -}}
{{- range $key := list "tls" "basicAuth" "clientCertificates" -}}
{{- if and (get $secret $key) (not $secret.name) -}}
{{- fail (printf "webConfigExistingSecret.%s tells what is in a Secret of your own: name that in webConfigExistingSecret.name" $key) -}}
{{- end -}}
{{- end -}}
{{- if and .Values.sidecar.loopback (not .Values.sidecar.enabled) -}}
{{- fail "sidecar.loopback is for sidecar.enabled: nobody would reach pods of their own on loopback" -}}
{{- end -}}
{{- end -}}

{{- define "screenshotmax-exporter.idleStrategies" -}}
{{- $strategy := .Values.strategy | default dict -}}
{{- $update := .Values.updateStrategy | default dict -}}
{{- $stateful := include "screenshotmax-exporter.stateful" . -}}
{{- if and $strategy $stateful -}}
{{- fail "strategy is of a Deployment, and persistence or sharding makes a StatefulSet: give updateStrategy" -}}
{{- end -}}
{{- if and $update (not $stateful) -}}
{{- fail "updateStrategy is of a StatefulSet, and these values make a Deployment: give strategy" -}}
{{- end -}}
{{- if and (eq ($strategy.type | default "") "Recreate") $strategy.rollingUpdate -}}
{{- fail "strategy.rollingUpdate is for the type RollingUpdate, and Kubernetes refuses it with Recreate: leave it out" -}}
{{- end -}}
{{- if and (eq ($update.type | default "") "OnDelete") $update.rollingUpdate -}}
{{- fail "updateStrategy.rollingUpdate is for the type RollingUpdate, and Kubernetes refuses it with OnDelete: leave it out" -}}
{{- end -}}
{{- $none := list "0" "0%" -}}
{{- $rolling := $strategy.rollingUpdate | default dict -}}
{{- if and (has (toString $rolling.maxSurge) $none) (has (toString $rolling.maxUnavailable) $none) -}}
{{- fail "strategy.rollingUpdate: maxSurge and maxUnavailable are both 0, so no pod could be replaced: raise one of them" -}}
{{- end -}}
{{- end -}}

{{- define "screenshotmax-exporter.idleStorage" -}}
{{- $values := .Values.persistence -}}
{{- $plain := dict "storageClassName" "" "size" "1Gi" "accessModes" (list "ReadWriteOnce") "annotations" dict "retentionPolicy" dict -}}
{{- $idle := list -}}
{{- range $key, $default := $plain -}}
{{- if ne (get $values $key | default $default | toString) (toString $default) }}{{ $idle = append $idle (printf "persistence.%s" $key) }}{{ end -}}
{{- end -}}
{{- if and $idle (or (not $values.enabled) $values.existingClaim) -}}
{{- fail (printf "%s: of claims that the chart makes, with persistence.enabled and without persistence.existingClaim, and it makes none here" (join ", " $idle)) -}}
{{- end -}}
{{- if and .Values.emptyDir $values.enabled -}}
{{- fail "emptyDir is what the ledger is on without persistence.enabled: leave one of them out" -}}
{{- end -}}
{{- end -}}
