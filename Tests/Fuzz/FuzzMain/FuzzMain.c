// The entry points of the fuzz targets. libFuzzer brings a `main` of its own, but SwiftPM has the linker
// define `main` as the `<module>_main` it expects of every Swift executable. So each fuzz target is named
// here once and gets that symbol, which starts libFuzzer by its documented driver.

#include "FuzzMain.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerRunDriver(int *argc, char ***argv, int (*callback)(const uint8_t *data, size_t size));

#define KG_FUZZ_ENTRY(module)                                                   \
    int module##_main(int argc, char **argv) {                                  \
        return LLVMFuzzerRunDriver(&argc, &argv, LLVMFuzzerTestOneInput);       \
    }

KG_FUZZ_ENTRY(JSONFuzz)
KG_FUZZ_ENTRY(RulesFuzz)
KG_FUZZ_ENTRY(SQLFuzz)
KG_FUZZ_ENTRY(HTTP1RequestFuzz)
KG_FUZZ_ENTRY(HTTP1TargetFuzz)
KG_FUZZ_ENTRY(HTTP1ChunkedFuzz)
KG_FUZZ_ENTRY(HTTP1ResponseFuzz)
KG_FUZZ_ENTRY(WebSocketHandshakeFuzz)
KG_FUZZ_ENTRY(ProxyHeaderFuzz)
KG_FUZZ_ENTRY(JournalFuzz)
