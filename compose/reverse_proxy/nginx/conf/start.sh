#!/bin/sh
# Starts NGINX with the certificate of certbot, or with the server's own while there is none, and reloads it when a new
# one comes. With a file `htpasswd` in this folder, the page requires a password.
set -eu
here=/etc/nginx/soulsai
there=/tmp/proxy
public="/etc/letsencrypt/live/${SOULSAI_PUBLIC_HOST}"
mkdir -p "$there"

choose() {
    if [ -r "$public/fullchain.pem" ] && [ -r "$public/privkey.pem" ]; then
        cp "$public/fullchain.pem" "$there/certificate.pem"
        cp "$public/privkey.pem" "$there/key.pem"
    else
        cp /run/secrets/redis.crt "$there/certificate.pem"
        cp /run/secrets/redis.key "$there/key.pem"
    fi
    chmod 600 "$there/key.pem"
    : > "$there/access.conf"
    if [ -r "$here/htpasswd" ]; then
        printf 'auth_basic "SoulsAI";\nauth_basic_user_file %s/htpasswd;\n' "$here" > "$there/access.conf"
    fi
}

choose
nginx -e stderr -c "$here/nginx.conf" -g 'daemon off;' &
server=$!
trap 'kill -QUIT "$server"; wait "$server"; exit' TERM INT QUIT

while kill -0 "$server" 2>/dev/null; do
    sleep 5 &
    wait $!
    before=$(cksum "$there/certificate.pem")
    choose
    [ "$before" = "$(cksum "$there/certificate.pem")" ] || nginx -e stderr -c "$here/nginx.conf" -s reload
done
wait "$server"
