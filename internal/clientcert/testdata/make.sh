#!/bin/sh
# Makes the files that the tests read, with OpenSSL 3: a client certificate with an intermediate and a root, in every form.
# The passphrase of all is `pässphrase 1`.
set -eu
cd "$(dirname "$0")"
days=36500 pass=pass:'pässphrase 1'
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -days $days -subj '/CN=root' -keyout root.key -out root.crt
ca() { # name, extensions, issuer
  openssl req -new -key "$1.key" -subj "/CN=$1" -out "$1.csr"
  printf '%s\n' "$2" > "$1.ext"
  openssl x509 -req -in "$1.csr" -CA "$3.crt" -CAkey "$3.key" -CAcreateserial -days $days -extfile "$1.ext" -out "$1.crt"
}
openssl ecparam -name prime256v1 -genkey -noout -out intermediate.key
ca intermediate 'basicConstraints=critical,CA:TRUE' root
openssl genrsa -out client.key 2048
ca client 'extendedKeyUsage=clientAuth' intermediate
cat intermediate.crt root.crt > chain.crt
p12() { # name, options
  name=$1; shift
  openssl pkcs12 -export -inkey client.key -in client.crt -certfile chain.crt -passout "$pass" -out "$name.p12" "$@"
}
p12 modern
p12 legacy-3des -legacy -keypbe PBE-SHA1-3DES -certpbe PBE-SHA1-3DES -macalg sha1
p12 legacy-rc2 -legacy -keypbe PBE-SHA1-3DES -certpbe PBE-SHA1-RC2-40 -macalg sha1
p12 sha512-mac -macalg sha512
p12 no-mac -nomac
p12 open-certificates -certpbe NONE
p12 open-key -keypbe NONE
p12 rc4 -legacy -keypbe PBE-SHA1-RC4-128
p12 many-iterations -iter 2000001
openssl pkcs12 -export -inkey client.key -in client.crt -passout pass: -out empty-passphrase.p12
openssl pkcs12 -export -nokeys -in client.crt -passout "$pass" -out no-key.p12
openssl pkcs12 -export -nocerts -inkey client.key -passout "$pass" -out no-certificate.p12
cat client.crt chain.crt > certificates.pem
key() { openssl pkcs8 -topk8 -in client.key -passout "$pass" -out "$1.key" "$2" "$3" ${4:+"$4" "$5"}; }
key aes256 -v2 aes-256-cbc
key 3des -v2 des3 -v2prf hmacWithSHA1
openssl pkcs8 -topk8 -in client.key -passout "$pass" -out scrypt.key -scrypt
key sha512 -v2 aes-256-cbc -v2prf hmacWithSHA512
openssl pkcs8 -topk8 -in client.key -passout "$pass" -out md5des.key -v1 PBE-MD5-DES -provider legacy -provider default
openssl rsa -in client.key -traditional -aes256 -passout "$pass" -out traditional.key
openssl rsa -in client.key -traditional -out pkcs1.key
rm -f ./*.csr ./*.ext ./*.srl root.key intermediate.key root.crt chain.crt intermediate.crt client.crt
