# Fails when the program PROGRAM needs a library that is not in ALLOWED (a list of name patterns):
# what par can load it can also be made to run.
execute_process(COMMAND readelf -d ${PROGRAM} OUTPUT_VARIABLE dynamic COMMAND_ERROR_IS_FATAL ANY)
string(REGEX MATCHALL "NEEDED[^[]*\\[[^]]*\\]" entries "${dynamic}")
if(NOT entries)
  message(FATAL_ERROR "${PROGRAM} needs no library at all: readelf's output has changed")
endif()
foreach(entry ${entries})
  string(REGEX REPLACE ".*\\[(.*)\\]" "\\1" library "${entry}")
  if(NOT library MATCHES "^(${ALLOWED})")
    message(FATAL_ERROR "${PROGRAM} must not need ${library}")
  endif()
endforeach()
