# @HALF@
