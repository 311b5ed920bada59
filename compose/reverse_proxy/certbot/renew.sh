#!/bin/sh
# Gets a certificate for SOULSAI_PUBLIC_HOST and renews it. NGINX notices a new one.
set -u
folders="--config-dir /etc/letsencrypt --work-dir /tmp/certbot --logs-dir /tmp/certbot/logs"
if [ -n "$SOULSAI_CERTBOT_EMAIL" ]; then
    contact="--email $SOULSAI_CERTBOT_EMAIL"
else
    contact="--register-unsafely-without-email"
fi
server=${SOULSAI_ACME_SERVER:+--server $SOULSAI_ACME_SERVER}
trap exit TERM INT

# The options are several words and must be split.
# shellcheck disable=SC2086
get() {
    certbot certonly --webroot --webroot-path /var/www/certbot --non-interactive --agree-tos --keep-until-expiring \
        $folders $contact $server --cert-name "$SOULSAI_PUBLIC_HOST" --domain "$SOULSAI_PUBLIC_HOST"
}

while :; do
    case "$SOULSAI_PUBLIC_HOST" in
        "" | localhost) echo "SOULSAI_PUBLIC_HOST names no public host, so no certificate can be had for it." ;;
        *) get ;;
    esac
    sleep "$SOULSAI_ACME_PAUSE" &
    wait $!
done
