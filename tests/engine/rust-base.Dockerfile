# What rustup would install as the target x86_64-unknown-linux-musl, made of Debian's packages: see base-image.
FROM debian-rust
ENV CARGO_HOME=/cargo CARGO_BUILD_TARGET=x86_64-unknown-linux-musl
WORKDIR /std
# With bitcode, which the program's link-time optimization wants of the standard library too.
RUN cargo init --quiet --lib --name nothing \
    && library=$(rustc --print sysroot)/lib/rustlib/src/rust/library \
    && RUSTC_BOOTSTRAP=1 RUSTFLAGS="-C embed-bitcode=yes" cargo build --quiet --release -Z build-std=std,panic_unwind \
        --config 'source.crates-io.replace-with="std"' --config "source.std.directory='$library/vendor'" \
    && lib=$(rustc --print sysroot)/lib/rustlib/$CARGO_BUILD_TARGET/lib \
    && mkdir -p "$lib/self-contained" \
    && find target/*/release/deps -name '*.rlib' ! -name 'libnothing-*' -exec cp -t "$lib" {} +
# The objects that a program begins and ends with, musl, and LLVM's unwinder, without what glibc would add to it.
COPY musl /musl
RUN musl=/musl/usr/lib/x86_64-linux-musl gcc=$(dirname "$(gcc -print-libgcc-file-name)") \
    && cd "$(rustc --print sysroot)/lib/rustlib/$CARGO_BUILD_TARGET/lib/self-contained" \
    && cp $musl/*crt*.o $musl/libc.a "$gcc"/crt*.o . \
    && printf '%s\n' '#include <stdarg.h>' '#include <stdio.h>' \
        'int __fprintf_chk(FILE *file, int flag, const char *format, ...) {' \
        '    va_list rest; va_start(rest, format); int n = vfprintf(file, format, rest); va_end(rest); return n; }' \
        | gcc -O2 -U_FORTIFY_SOURCE -isystem /musl/usr/include/x86_64-linux-musl -c -x c - -o checked.o \
    && cp -L /usr/lib/x86_64-linux-gnu/libunwind.a . && ar r libunwind.a checked.o && rm checked.o
COPY crates /crates
RUN printf '%s\n' '[source.crates-io]' 'replace-with = "crates"' '[source.crates]' 'directory = "/crates"' \
        >$CARGO_HOME/config.toml
