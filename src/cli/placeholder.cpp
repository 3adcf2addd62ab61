namespace aicoder {}
