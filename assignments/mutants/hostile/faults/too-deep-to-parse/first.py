x = @MINUS@1
