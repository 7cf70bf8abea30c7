{
  "variables": {
    # "address,undefined" or "thread": see CONTRIBUTING.md
    "sanitize%": "",
    # Where a static libpq is, to link it and OpenSSL into the addon; see docs/building.md. The two builds have two names
    # and so can be there both.
    "libpq_root%": "",
    "addon_name%": "pgkeel",
  },
  "targets": [
    {
      "target_name": "<(addon_name)",
      "sources": ["<!@(node csrc/addon/gyp.js sources)"],
      "include_dirs": ["<!@(node csrc/addon/gyp.js includes <(libpq_root))"],
      "libraries": ["<!@(node csrc/addon/gyp.js libraries <(libpq_root))"],
      "defines": ["NAPI_VERSION=9", "NODE_ADDON_API_DISABLE_CPP_EXCEPTIONS", "NODE_ADDON_API_DISABLE_DEPRECATED"],
      "cflags": ["-O2", "-Wall", "-Wextra", "-fvisibility=hidden"],
      "cflags_c": ["-std=c11", "-D_GNU_SOURCE"],
      "cflags_cc": ["-std=c++17", "-fno-exceptions", "-Wno-missing-field-initializers"],
      "xcode_settings": {
        "OTHER_CFLAGS": ["-Wall", "-Wextra", "-std=c11"],
        "OTHER_CPLUSPLUSFLAGS": ["-Wall", "-Wextra", "-std=c++17", "-fno-exceptions"],
        "GCC_OPTIMIZATION_LEVEL": "2",
        "GCC_SYMBOLS_PRIVATE_EXTERN": "YES",
        "GCC_ENABLE_CPP_EXCEPTIONS": "NO",
        "MACOSX_DEPLOYMENT_TARGET": "11.0",
      },
      "conditions": [
        ["libpq_root!=''", {
          "defines": ["KEEL_LIBPQ_STATIC"],
          # Hidden, so that nobody finds them, and so that they find each other rather than Node.js's OpenSSL.
          "ldflags": ["-Wl,--exclude-libs,ALL"],
        }],
        ["sanitize!=''", {
          "cflags": ["-fsanitize=<(sanitize)", "-fno-omit-frame-pointer", "-g"],
          "ldflags": ["-fsanitize=<(sanitize)"],
        }],
      ],
    },
  ],
}
