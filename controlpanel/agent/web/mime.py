"""Which media type a file is served as, by its ending. Ours, so that nothing on a host depends on a package's file."""

from __future__ import annotations

#: Media type, and the endings that have it. Everything else is application/octet-stream.
_TYPES = """\
text/html html htm shtml
text/css css
text/csv csv
text/calendar ics
text/markdown md
text/mathml mml
text/plain txt
text/vcard vcf
text/vtt vtt
text/xml xml
application/javascript js mjs
application/json json map
application/ld+json jsonld
application/manifest+json webmanifest
application/geo+json geojson
application/atom+xml atom
application/rss+xml rss
application/xhtml+xml xhtml
application/xslt+xml xsl xslt
application/wasm wasm
application/pdf pdf
application/epub+zip epub
application/postscript ps eps ai
application/rtf rtf
application/msword doc
application/vnd.ms-excel xls
application/vnd.ms-powerpoint ppt
application/vnd.ms-fontobject eot
application/vnd.openxmlformats-officedocument.wordprocessingml.document docx
application/vnd.openxmlformats-officedocument.spreadsheetml.sheet xlsx
application/vnd.openxmlformats-officedocument.presentationml.presentation pptx
application/vnd.oasis.opendocument.text odt
application/vnd.oasis.opendocument.spreadsheet ods
application/vnd.oasis.opendocument.presentation odp
application/vnd.oasis.opendocument.graphics odg
application/vnd.apple.mpegurl m3u8
application/vnd.google-earth.kml+xml kml
application/vnd.google-earth.kmz kmz
application/java-archive jar war ear
application/gzip gz tgz
application/x-7z-compressed 7z
application/x-bittorrent torrent
application/x-bzip2 bz2
application/x-rar-compressed rar
application/x-tar tar
application/x-x509-ca-cert der pem crt
application/x-xpinstall xpi
application/zip zip
image/avif avif
image/bmp bmp
image/gif gif
image/jpeg jpeg jpg
image/png png
image/svg+xml svg svgz
image/tiff tif tiff
image/webp webp
image/x-icon ico
font/otf otf
font/ttf ttf
font/woff woff
font/woff2 woff2
audio/flac flac
audio/midi mid midi
audio/mpeg mp3
audio/ogg ogg oga opus
audio/wav wav
audio/x-m4a m4a
video/3gpp 3gpp 3gp
video/mp2t ts
video/mp4 mp4
video/mpeg mpeg mpg
video/ogg ogv
video/quicktime mov
video/webm webm
video/x-flv flv
video/x-m4v m4v
video/x-matroska mkv
video/x-msvideo avi
"""


def config() -> str:
    """nginx's ``types`` block."""
    return "types {\n" + "".join(f"    {line};\n" for line in _TYPES.splitlines()) + "}\n"
