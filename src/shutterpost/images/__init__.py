"""Reading photos that anybody may have made: what they cost is known before they are decoded."""
