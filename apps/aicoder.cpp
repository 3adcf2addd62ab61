#include "aicoder/cli.h"

int main(int argc, char** argv) { return aicoder::cli_main(argc, argv); }
